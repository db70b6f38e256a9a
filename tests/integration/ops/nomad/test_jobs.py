"""A job is healthy when its services answer."""

from pathlib import Path
from typing import Any

import pytest

from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import Allocation, Cluster, Port, Task
from tests.http_double import Double

JOB = {
    "Stop": False,
    "Version": 1,
    "TaskGroups": [
        {
            "Services": [
                {
                    "Name": "a",
                    "PortLabel": "http",
                    "Checks": [
                        {"Name": "up", "Type": "http", "Path": "/up", "PortLabel": ""},
                        {"Name": "ready", "Type": "http", "Path": "/ready", "PortLabel": ""},
                    ],
                },
                {"Name": "b", "PortLabel": "other", "Checks": [{"Name": "no port", "Type": "tcp", "PortLabel": ""}]},
            ]
        }
    ],
}


def _allocation(double: Double, state: str = "running") -> dict[str, Any]:
    return {
        "ID": "1",
        "ClientStatus": "running",
        "Job": {"Version": 1},
        "AllocatedResources": {
            "Shared": {"Ports": [{"Label": "http", "HostIP": "127.0.0.1", "Value": double.server_port}]}
        },
        "TaskStates": {
            "a": {"State": state, "Restarts": 2, "Events": [{"Type": "Waiting", "DisplayMessage": "Missing: x"}]}
        },
    }


def test_health_is_asked_of_the_service_itself(double: Double) -> None:
    # given
    cluster = Cluster(double.address, "token")
    double.answers |= {
        "GET /v1/job/a": (200, JOB),
        "GET /v1/job/a/allocations": (
            200,
            [{"ID": "1", "DesiredStatus": "run", "CreateIndex": 1, "ClientStatus": "running"}],
        ),
        "GET /v1/allocation/1": (200, _allocation(double)),
        "GET /up": (200, {}),
    }
    # then one failing check is enough, unless it is left out
    assert jobs.health(cluster, "a").word == "check “ready” of a fails"
    found = jobs.health(cluster, "a", ignore=("ready",))
    assert (found.healthy, found.restarts, found.url) == (True, 2, f"{double.address}")
    assert jobs.address(cluster, "a") == double.address
    # and so is a job whose instances are those of the version before
    double.answers["GET /v1/job/a"] = (200, {**JOB, "Version": 2})
    assert jobs.health(cluster, "a", ignore=("ready",)).word == "being updated"
    double.answers["GET /v1/job/a"] = (200, JOB)
    # and a task that waits says for what
    double.answers["GET /v1/allocation/1"] = (200, _allocation(double, "pending"))
    assert jobs.health(cluster, "a").word == "pending: Missing: x"
    # and what is not there is told apart
    assert jobs.health(cluster, "b").word == "not submitted"
    double.answers["GET /v1/job/a/allocations"] = (200, [])
    double.answers["GET /v1/job/a/evaluations"] = (
        200,
        [{"Status": "complete", "BlockedEval": "e", "FailedTGAllocs": {"a": {"DimensionExhausted": {"memory": 1}}}}],
    )
    assert jobs.health(cluster, "a").word == "not placed: memory"
    with pytest.raises(OperatorError, match="a is not running"):
        jobs.address(cluster, "a")


def test_checks_of_ports_that_are_not_there_are_left_out() -> None:
    allocation = Allocation("1", "a", "running", (Port("http", "127.0.0.1", 80),), (Task("a", "running", 0, ""),), 0)
    assert [check.url for check in jobs.checks(JOB, allocation)] == [
        "http://127.0.0.1:80/up",
        "http://127.0.0.1:80/ready",
    ]


def test_the_gateway_is_asked_with_tls() -> None:
    job = {
        "TaskGroups": [
            {
                "Services": [
                    {
                        "Name": "gateway",
                        "PortLabel": "https",
                        "Checks": [
                            {
                                "Name": "healthy",
                                "Type": "http",
                                "Protocol": "https",
                                "Path": "/health/gateway",
                                "PortLabel": "",
                            }
                        ],
                    }
                ]
            }
        ]
    }
    allocation = Allocation("1", "gateway", "running", (Port("https", "127.0.0.1", 8443),), (), 0)
    assert [check.url for check in jobs.checks(job, allocation)] == ["https://127.0.0.1:8443/health/gateway"]
    assert jobs.page_url(allocation, "gateway") == "https://127.0.0.1:8443/"


def test_a_machine_runs_the_jobs_whose_programs_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(name: str, said: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\necho {said}\n")
        (tmp_path / name).chmod(0o755)

    assert set(jobs.NAMES) - set(jobs.runnable()) == {"gateway", "alertmanager", "prometheus"}
    install("caddy", "v2.10.2")
    install("prometheus", "prometheus, version 2.42.0+ds")
    assert set(jobs.NAMES) - set(jobs.runnable()) == {"alertmanager", "prometheus"}
    install("prometheus-alertmanager", "alertmanager, version 0.25.0")
    assert jobs.runnable() == jobs.NAMES
