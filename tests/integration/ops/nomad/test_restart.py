"""The API's and the gateway's own job files on a real Nomad: two instances of the API restart behind the gateway, and become one."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.signatures import Signer
from ops.nomad import jobs
from ops.nomad.cluster import Cluster, Port, wait
from ops.nomad.restart import restart
from ops.setup import accounts
from tests.clusters import Scheduler, scheduler
from tests.load import DEAL, Load
from tests.unit.services.api.conftest import keep

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
# More than one instance needs ports of Nomad's choice.
TWO, ONE = "-var=instances={api=2}", "-var=instances={api=1}"


@dataclass(frozen=True)
class Platform:
    """Two instances of the API and a gateway."""

    scheduler: Scheduler

    @property
    def cluster(self) -> Cluster:
        return self.scheduler.cluster

    @property
    def key(self) -> str:
        return self.scheduler.credentials.api_key

    def load(self) -> Load:
        trusted = ssl.create_default_context(cafile=str(jobs.root_certificate()))
        return Load(jobs.address(self.cluster, "gateway"), self.key, trusted, period=0.05)

    def predicts(self) -> bool:
        if not jobs.root_certificate().exists():
            return False
        trusted = ssl.create_default_context(cafile=str(jobs.root_certificate()))
        url = f"{jobs.address(self.cluster, 'gateway')}/v1/predictions"
        try:
            return httpx.post(url, json=DEAL, headers={"X-API-Key": self.key}, verify=trusted, timeout=20).is_success
        except httpx.HTTPError:
            return False


@pytest.fixture
def platform(served_model: DealModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with scheduler(monkeypatch) as made:
        models = made.state / "models"
        keep(served_model, models, signer=Signer.from_text(made.credentials.model_signing_key))
        accounts.give(models, "api", whole=True)
        made.run_files("mlflow", made.state / "registry")
        for job in ("api", "gateway"):
            made.run(job, TWO)
        for job in ("api", "gateway"):
            wait(lambda job=job: jobs.health(made.cluster, job).healthy, 180, f"the health of {job}")  # type: ignore[misc]
        platform = Platform(made)
        wait(platform.predicts, 60, "a prediction through the gateway", pause=1)
        yield platform


def test_two_instances_restart_and_no_caller_of_the_gateway_is_refused(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _instances(platform.cluster)
    assert [restarts for *_, restarts in before] == [0, 0]
    # when
    with platform.load() as load:
        assert restart(["api"]) == 0
    # then
    assert load.answered > 100
    assert not load.refused, load.refused
    assert _instances(platform.cluster) == [(name, ports, 1) for name, ports, _ in before]
    printed = capsys.readouterr().out
    assert "api has 2 instances: they are restarted one after another, while the others answer" in printed
    assert "api, instance 2 of 2" in printed

    # when the job asks for one instance, then it is not called healthy while there are two
    platform.scheduler.run("api", ONE)
    wait(lambda: jobs.health(platform.cluster, "api").healthy, 180, "the health of the one instance")
    assert len(platform.cluster.allocations("api")) == 1


def _instances(cluster: Cluster) -> list[tuple[str, tuple[Port, ...], int]]:
    """Each instance of the API: its allocation, its ports, and how often it was restarted."""
    found = cluster.allocations("api")
    return sorted((one.id, one.ports, sum(task.restarts for task in one.tasks)) for one in found)
