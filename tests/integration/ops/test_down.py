"""What `down` waits for and ends. The double stands for a Nomad that holds what ended for running, which a real one does rarely."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.down import processes_of, wait_for_end
from ops.errors import OperatorError
from ops.nomad.cluster import Cluster
from tests.http_double import Double

JOB = "trial/dispatch-1"


@pytest.fixture
def cluster(double: Double) -> Cluster:
    """Its server holds the allocation "a" for running, whatever becomes of it."""
    double.answers["GET /v1/job/trial%2Fdispatch-1/allocations"] = (200, [{"ID": "a", "ClientStatus": "running"}])
    return Cluster(double.address, "token")


def test_an_allocation_without_a_process_has_ended(cluster: Cluster) -> None:
    wait_for_end(cluster, [JOB], "the end", seconds=30, idle=0.5)


def test_a_process_of_the_allocation_is_waited_for(cluster: Cluster) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"NOMAD_ALLOC_ID": "a"}
    ) as process:
        # when it runs
        with pytest.raises(OperatorError, match="the end did not happen within 2 s"):
            wait_for_end(cluster, [JOB], "the end", seconds=2, idle=0.5)
        # when it has ended
        process.communicate(b"\n")
    wait_for_end(cluster, [JOB], "the end", seconds=30, idle=0.5)


def test_a_collector_of_logs_is_known_by_the_file_that_it_has_open(tmp_path: Path) -> None:
    log = tmp_path / "mine" / "task.stdout.0"
    log.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", "input()", "logmon"], stdin=subprocess.PIPE, stdout=log.open("w"), env={}
    ) as process:
        assert [one.pid for one in processes_of(log.parent)] == [process.pid]
        # though the file was deleted, as by Nomad's garbage collection
        log.unlink()
        assert [one.pid for one in processes_of(log.parent)] == [process.pid]
        assert processes_of(tmp_path / "another") == []
        process.communicate(b"\n")
    assert processes_of(log.parent) == []
