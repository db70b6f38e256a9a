"""The job of shadow scoring: found by discovery, with rights to read alone, and its sampling rate a variable."""

import re

import pytest

from tests.unit.jobs.test_job_files import NOMAD, parsed

pytestmark = pytest.mark.skipif(
    NOMAD is None, reason="there is no Nomad, and `./just test` tells why it could not get one"
)


def test_it_waits_for_all_it_needs_and_reads_as_roles_of_its_own() -> None:
    (task,) = parsed("shadow")["TaskGroups"][0]["Tasks"]
    (template,) = task["Templates"]
    text = template["EmbeddedTmpl"]
    assert set(re.findall(r'nomadService "([^"]+)"', text)) == {"postgres", "mlflow"}
    assert set(re.findall(r"waits-for-([a-z-]+)", text)) == {"postgres", "mlflow"}
    assert "postgresql://shadow:" in text
    assert "MLFLOW_TRACKING_USERNAME=reader" in text


def test_the_sampling_rate_is_a_variable_of_the_job() -> None:
    (group,) = parsed("shadow", "-var=shadow_rate=0.25")["TaskGroups"]
    assert group["Tasks"][0]["Env"]["CLOSECAST_SHADOW_RATE"] == "0.25"
    assert parsed("shadow")["TaskGroups"][0]["Tasks"][0]["Env"]["CLOSECAST_SHADOW_RATE"] == "1"
