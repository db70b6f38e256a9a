"""The inventory of what is deployed, and the deployment command without a server address."""

from pathlib import Path

import pytest
from prefect.utilities.callables import parameter_schema_from_entrypoint

from flows import deployments
from services import prefect

_NOT_FLOWS = {"__init__.py", "deployments.py", "merge.py", "steps.py"}


def test_every_flow_is_deployed_and_every_deployment_is_a_flow() -> None:
    files = {file.stem for file in (deployments.PROJECT / "flows").glob("*.py") if file.name not in _NOT_FLOWS}
    known = {"ingest", "eda", "train", "tune", "evaluate", "score", "monitor", "forecast", "retrain"}
    assert {one.flow for one in deployments.INVENTORY} == files == known


@pytest.mark.parametrize(
    ("flow", "parameters", "cron", "tags"),
    [
        ("ingest", {"source", "seed", "minimum_quality", "as_of", "mapping"}, "0 5 * * *", ("data",)),
        ("eda", {"source", "seed", "as_of", "mapping"}, "30 5 * * 1", ("data",)),
        (
            "train",
            {"source", "seed", "as_of", "fiscal_year_start", "mapping", "is_platforms_source", "shadow_first"},
            "0 6 * * 1",
            ("model",),
        ),
        (
            "tune",
            {"source", "trials", "workers", "seed", "study", "seconds", "as_of", "fiscal_year_start", "mapping"},
            "0 1 1 * *",
            ("model", "nomad"),
        ),
        ("evaluate", {"source", "cuts", "seed", "as_of", "fiscal_year_start", "mapping"}, "0 7 * * 1", ("model",)),
        ("score", {"source", "as_of", "horizon", "at_once", "seconds"}, None, ("scoring", "nomad")),
        ("monitor", {"day", "source", "seed", "mapping", "at", "promote"}, "30 6 * * *", ("model", "monitoring")),
        ("retrain", {"number"}, None, ("model", "monitoring")),
    ],
)
def test_each_deployment(flow: str, parameters: set[str], cron: str | None, tags: tuple[str, ...]) -> None:
    (one,) = [one for one in deployments.INVENTORY if one.flow == flow]
    assert set(parameter_schema_from_entrypoint(one.entrypoint).properties) == parameters
    assert (one.cron, one.tags) == (cron, tags)
    assert one.parameters == {}  # the source is the platform's
    assert one.description.endswith(".")


def test_only_monitoring_begins_unasked() -> None:
    assert [one.flow for one in deployments.INVENTORY if not one.starts_paused] == ["monitor", "forecast"]


def test_every_flow_may_be_tried_again_after_a_crash_and_the_worker_knows_it_by_the_same_tag() -> None:
    assert all(one.repeatable for one in deployments.INVENTORY)
    assert (deployments.REPEATABLE, deployments.WORK_POOL) == (prefect.REPEATABLE, prefect.WORK_POOL)


def test_without_an_address_it_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    # when / then
    with pytest.raises(SystemExit, match="deployments: the environment variable PREFECT_API_URL is not set"):
        deployments.main()


def test_the_code_is_where_this_project_is() -> None:
    assert Path(deployments.PROJECT, "flows", "train.py").is_file()
