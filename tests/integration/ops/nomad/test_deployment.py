"""A new version of the API on a real Nomad: one that refuses the champion goes away again, a sound one is taken.

The registry is a double that knows one champion.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.signatures import Signer
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import wait
from ops.nomad.waiting import wait_until_healthy
from ops.setup import accounts, runtime
from tests.clusters import Scheduler, scheduler
from tests.load import DEAL, Load
from tests.servers.processes import PROJECT
from tests.unit.services.api.conftest import keep

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]
_CALIBRATED = "a, b, c = self.a, self.b, self.c"
_DEADLINE = 'healthy_deadline = "3m"'


@dataclass(frozen=True)
class Deployed:
    """Two instances of the API that serve the registry's champion."""

    scheduler: Scheduler

    def deploy(self, change: str) -> None:
        """Submit the job's own file with `change` in its environment, and less patience."""
        text = jobs.file("api").read_text()
        assert _DEADLINE in text
        text = text.replace(_DEADLINE, 'healthy_deadline = "45s"').replace(
            "      env {\n", f"      env {{\n{change}\n", 1
        )
        file = self.scheduler.state / "api.nomad.hcl"
        file.write_text(text)
        self.scheduler.submit(file, "-var=instances={api=2}")

    def wait_for(self, version: int, status: str) -> dict[str, Any]:
        """The deployment of this version of the job, as Nomad tells it once it has this status."""

        def found() -> list[dict[str, Any]]:
            done = self.scheduler.cli.run("job", "deployments", "-json", "api")
            assert done.returncode == 0, done.stderr
            every: list[dict[str, Any]] = json.loads(done.stdout)
            return [one for one in every if (one["JobVersion"], one["Status"]) == (version, status)]

        wait(lambda: bool(found()), 240, f"version {version} of the API to be {status}", pause=1)
        return found()[0]

    def instances(self) -> set[str]:
        return {one.id for one in self.scheduler.cluster.allocations("api")}


@pytest.fixture
def deployed(served_model: DealModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with scheduler(monkeypatch) as made:
        models = made.state / "models"
        keep(served_model, models, signer=Signer.from_text(made.credentials.model_signing_key))
        accounts.give(models, "api", whole=True)
        double = [str(PROJECT / "tests" / "registry_double.py"), str(models / "current.json"), "${NOMAD_PORT_http}"]
        made.run_stand_in("mlflow", double)
        deployed = Deployed(made)
        deployed.deploy("")
        deployed.wait_for(0, "successful")
        yield deployed


def test_a_version_that_refuses_the_champion_goes_away_again(deployed: Deployed) -> None:
    # given a build of the service whose answers differ from those that the model gave when it was made
    before = deployed.instances()
    assert len(before) == 2
    build = deployed.scheduler.state / "build"
    for package in ("closecast", "services"):
        shutil.copytree(runtime.code() / package, build / package, ignore=shutil.ignore_patterns("__pycache__"))
    calibration = build / "closecast" / "models" / "calibration.py"
    source = calibration.read_text()
    assert _CALIBRATED in source
    calibration.write_text(source.replace(_CALIBRATED, "a, b, c = self.a, self.b, self.c + 1e-6"))

    # when it is deployed
    where = jobs.address(deployed.scheduler.cluster, "api")
    with Load(where, deployed.scheduler.credentials.api_key, period=0.1) as load:
        deployed.deploy(f'        PYTHONPATH = "{build}"')
        failed = deployed.wait_for(1, "failed")
        # then the version before is the job's again, and its instances have answered all along
        back = deployed.wait_for(2, "successful")
    assert "rolling back to job version 0" in failed["StatusDescription"]
    assert back["TaskGroups"]["api"]["HealthyAllocs"] == 2
    assert deployed.instances() == before
    assert load.answered > 100
    assert not load.refused, load.refused
    # and `up`, which submitted version 1, says so and gives the reason
    with pytest.raises(OperatorError, match=r"Nomad went back to the one before; its last line: .*golden row") as told:
        wait_until_healthy(deployed.scheduler.cluster, {"api": 1})
    assert "just nomad alloc logs -stderr " in told.value.remedy

    # when a sound one is deployed, then it is taken
    deployed.deploy('        CLOSECAST_A_CHANGE = "1"')
    deployed.wait_for(3, "successful")
    after = deployed.instances()
    assert len(after) == 2
    assert not after & before
    answer = httpx.post(
        f"{jobs.address(deployed.scheduler.cluster, 'api')}/v1/predictions",
        json=DEAL,
        headers={"X-API-Key": deployed.scheduler.credentials.api_key},
        timeout=20,
    )
    assert answer.is_success, answer.text
