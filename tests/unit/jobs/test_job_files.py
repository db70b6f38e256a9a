"""Every job file, as Nomad itself reads it: resources, policies, checks, discovery, and no secret, path or address in it."""

import json
import re
import subprocess
from typing import Any

import pytest

from ops.nomad import jobs
from ops.paths import JOBS, LOCAL_VARS
from ops.setup import nomad_binary

NOMAD = nomad_binary.find()
pytestmark = pytest.mark.skipif(
    NOMAD is None, reason="there is no Nomad, and `./just test` tells why it could not get one"
)


def parsed(name: str, *variables: str) -> dict[str, Any]:
    assert NOMAD is not None
    command = [str(NOMAD.path), "job", "run", "-output", f"-var-file={LOCAL_VARS}", *variables, str(jobs.file(name))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    job: dict[str, Any] = json.loads(done.stdout)["Job"]
    return job


def test_every_file_is_a_job_that_is_brought_up() -> None:
    assert {file.name.removesuffix(".nomad.hcl") for file in JOBS.glob("*.nomad.hcl")} == {*jobs.NAMES, *jobs.BATCH}


@pytest.mark.parametrize("name", jobs.NAMES)
def test_a_job_is_complete(name: str) -> None:
    job = parsed(name)
    assert job["ID"] == name
    for group in job["TaskGroups"]:
        assert group["Update"]["HealthyDeadline"]
        assert group["RestartPolicy"]["Mode"] == "delay"
        for task in group["Tasks"]:
            assert task["Resources"]["CPU"] and task["Resources"]["MemoryMB"]
            for template in task["Templates"] or []:
                # What Nomad itself reads is closed; what a task reads lies in a folder that is (services/launch.py), but only
                # once the task has begun: so it holds no secret.
                assert template["Perms"] == ("0600" if template["ChangeMode"] != "noop" else "0644")
                assert template["Perms"] == "0600" or f'nomadVar "nomad/jobs/{name}"' not in template["EmbeddedTmpl"]
                wanted = re.findall(r'nomadVar "([^"]+)"', template["EmbeddedTmpl"])
                assert all(
                    path == f"nomad/jobs/{name}" or path.startswith(f"nomad/jobs/{name}/waits-for-") for path in wanted
                )
        for service in group["Services"]:
            assert service["Provider"] == "nomad"
            assert service["Checks"] or service["Name"] == "object-store-companion"


@pytest.mark.parametrize("name", jobs.NAMES)
def test_the_provider_of_services_is_a_variable(name: str) -> None:
    job = parsed(name, "-var=service_provider=consul")
    assert {service["Provider"] for group in job["TaskGroups"] for service in group["Services"]} == {"consul"}


@pytest.mark.parametrize("name", jobs.NAMES)
def test_no_secret_path_or_address_stands_in_the_file(name: str) -> None:
    text = jobs.file(name).read_text()
    assert not re.search(r"(?i)(password|secret_key|api_key)\s*=\s*\"[^{$\"]", text)
    assert not re.search(r"127\.0\.0\.1|localhost|https?://[a-z0-9]", text)
    assert not re.search(r'"/(home|root|usr|var|opt|tmp)/', text)


@pytest.mark.parametrize("name", ["api", "gateway", "ui"])
def test_a_port_of_nomads_choice_gets_a_canary_and_an_update_that_fails_is_reverted(name: str) -> None:
    group = parsed(name, "-var=ports={}")["TaskGroups"][0]
    assert group["Update"]["Canary"] == 1
    assert group["Update"]["AutoPromote"] and group["Update"]["AutoRevert"]
    assert not group["Networks"][0].get("ReservedPorts")
    fixed = parsed(name)["TaskGroups"][0]["Update"]
    assert (fixed["Canary"], fixed["AutoPromote"], fixed["AutoRevert"]) == (0, False, True)


def test_more_instances_get_ports_of_nomads_choice_and_a_canary() -> None:
    job = parsed("api", "-var=ports={}", "-var=instances={api=3}")
    group = job["TaskGroups"][0]
    assert group["Count"] == 3
    assert group["Update"]["Canary"] == 1
    assert not group["Networks"][0].get("ReservedPorts")
