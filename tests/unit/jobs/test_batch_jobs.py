"""The parameterized jobs, as Nomad itself reads them: what they must be told, and what happens when one is killed."""

import re
from typing import Any

import pytest

from ops.nomad import jobs
from tests.unit.jobs.test_job_files import NOMAD, parsed

pytestmark = pytest.mark.skipif(
    NOMAD is None, reason="there is no Nomad, and `./just test` tells why it could not get one"
)


@pytest.mark.parametrize("name", jobs.BATCH)
def test_a_batch_job_is_parameterized_and_starts_again_when_killed(name: str) -> None:
    job: dict[str, Any] = parsed(name)
    assert (job["ID"], job["Type"]) == (name, "batch")
    assert job["ParameterizedJob"]["MetaRequired"]
    (group,) = job["TaskGroups"]
    assert group["RestartPolicy"]["Attempts"] >= 1
    (task,) = group["Tasks"]
    told = re.findall(r"NOMAD_META_(\w+)", " ".join(task["Env"].values()))
    declared = [*job["ParameterizedJob"]["MetaRequired"], *(job["ParameterizedJob"]["MetaOptional"] or [])]
    assert sorted(told) == sorted(declared)
    for template in task["Templates"]:
        assert template["Perms"] == "0600"
        for path in re.findall(r'nomadVar "([^"]+)"', template["EmbeddedTmpl"]):
            assert path.startswith(f"nomad/jobs/{name}")


@pytest.mark.parametrize("name", jobs.BATCH)
def test_no_secret_path_or_address_stands_in_the_file(name: str) -> None:
    text = jobs.file(name).read_text()
    assert not re.search(r"127\.0\.0\.1|localhost|https?://[a-z0-9]", text)
    assert not re.search(r'"/(home|root|usr|var|opt|tmp)/', text)


@pytest.mark.parametrize("name", [*jobs.BATCH, "prefect-worker"])
def test_what_trains_or_scores_batches_does_not_spin_while_it_waits(name: str) -> None:
    job: dict[str, Any] = parsed(name)
    (task,) = job["TaskGroups"][0]["Tasks"]
    assert task["Env"]["OMP_WAIT_POLICY"] == "passive"
