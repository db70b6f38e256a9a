"""What is said of a job that is not healthy. One that Nomad takes back is in test_deployment.py, on a real Nomad."""

import pytest

from ops.errors import OperatorError
from ops.nomad.cluster import Cluster
from ops.nomad.waiting import wait_until_healthy
from tests.http_double import Double

pytestmark = pytest.mark.integration
_WENT_BACK = "the new version of api was not healthy in time, and Nomad went back to the one before; its last line: "


def test_what_the_version_that_failed_logged_moves_no_cursor(double: Double) -> None:
    # given a job that went back to a stopped version, and a log that holds what a stranger sent
    double.answers["GET /v1/job/api"] = (200, {"Version": 3, "Stop": True})
    allocations = [{"ID": "failed", "DesiredStatus": "stop", "CreateIndex": 1, "JobVersion": 2}]
    double.answers["GET /v1/job/api/allocations"] = (200, allocations)
    states = {"api": {"State": "dead", "Restarts": 0}}
    failed = {"ID": "failed", "ClientStatus": "complete", "Job": {"Version": 2}, "TaskStates": states}
    double.answers["GET /v1/allocation/failed"] = (200, failed)
    double.answers["GET /v1/client/fs/logs/failed"] = (200, b"begun\n\x1b[2J\xe2\x80\xaeaway\n")
    # when / then
    with pytest.raises(OperatorError) as told:
        wait_until_healthy(Cluster(double.address, "token"), {"api": 2})
    assert told.value.problem == _WENT_BACK + r"\x1b[2J\u202eaway"
    assert "`just nomad alloc logs -stderr failed`" in told.value.remedy


def test_a_version_that_was_never_placed_is_told(double: Double) -> None:
    double.answers["GET /v1/job/api"] = (200, {"Version": 3, "Stop": True})
    double.answers["GET /v1/job/api/allocations"] = (200, [])
    with pytest.raises(OperatorError) as told:
        wait_until_healthy(Cluster(double.address, "token"), {"api": 2})
    assert told.value.problem == _WENT_BACK + "it was never placed"
