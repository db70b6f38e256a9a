"""The platform's source: what `up` sets at a real Prefect is what flows read when none is named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from closecast.deals.synthetic.generator import generate
from closecast.platform.settings import MAPPING_VARIABLE, SOURCE_VARIABLE
from flows.ingest import ingest
from ops.model.mapping import set_own_mapping
from ops.model.source import carry_over, own_source, set_own_source
from ops.prefect.pipeline import Prefect
from tests.servers.localstack import S3

pytestmark = pytest.mark.integration


@pytest.fixture
def prefect(prefect_api: str, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prefect]:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    for name, value in {**s3.environment, "NO_PROXY": "127.0.0.1,localhost"}.items():
        monkeypatch.setenv(name, value)
    server = Prefect(prefect_api.removesuffix("/api"), "nobody:asks")
    _forget(server)
    with temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield server
        EventsWorker.drain_all(timeout=5)
    _forget(server)


def _forget(server: Prefect) -> None:
    for one in server.call(
        "POST", "/variables/filter", {"variables": {"name": {"any_": [SOURCE_VARIABLE, MAPPING_VARIABLE]}}}
    ):
        server.call("DELETE", f"/variables/{one['id']}")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "deals.csv"
    generate(300, seed=5).to_csv(path, index=False)
    return path


def _ingested(**parameters: str) -> "State[dict[str, object]]":
    return ingest(**parameters, return_state=True)


def test_a_flow_reads_the_platforms_source_unless_another_is_named(prefect: Prefect, export: Path) -> None:
    # given
    set_own_source(prefect, "synthetic:250")
    assert own_source(prefect) == "synthetic:250"
    set_own_source(prefect, f"file:{export}")
    # when / then
    assert _ingested().result()["source"] == "file:deals.csv"
    assert _ingested(source="synthetic:250").result()["source"] == "synthetic:250"


def test_the_platforms_source_is_read_with_its_mapping(prefect: Prefect, export: Path) -> None:
    # given an export with names that only its owner knows
    deals = generate(300, seed=5).rename(columns={"deal_stage": "Etap", "engage_date": "Start", "close_date": "Koniec"})
    deals["Etap"] = deals["Etap"].map({"Won": "Tak", "Lost": "Nie", "Engaging": "Moze", "Prospecting": "Moze"})
    deals.to_csv(export, index=False)
    set_own_source(prefect, f"file:{export}")
    state = _ingested()
    assert state.is_failed()
    assert "needs a mapping, because it does not say: (1) which column is the stage" in str(state.message)
    # when
    mapping = (
        "version: 1\ncolumns: {stage: Etap, created: Start, closed: Koniec, opportunity_id: opportunity_id, "
        "sales_agent: sales_agent, product: product, account: account, amount: close_value}\n"
        "stages: {Tak: won, Nie: lost, Moze: open}\n"
    )
    set_own_mapping(prefect, mapping)
    # then
    assert _ingested().result()["rows_accepted"] == 300
    # and one that is named goes before it, with its errors
    state = _ingested(mapping=mapping.replace("Nie: lost, ", ""))
    assert "the mapping gives no meaning to the stages 'Nie'" in str(state.message)
    assert "Invalid enum value 'maybe'" in str(_ingested(mapping=mapping.replace("lost", "maybe")).message)


def test_no_made_up_data_stand_in_for_a_source_that_was_never_set(prefect: Prefect) -> None:
    assert own_source(prefect) is None
    state = _ingested()
    assert state.is_failed()
    assert state.message is not None
    assert f"no source is named, and the Prefect variable {SOURCE_VARIABLE} is None: run `just up`" in state.message


def test_a_source_that_is_gone_is_told_with_what_to_do(prefect: Prefect, export: Path) -> None:
    # given
    set_own_source(prefect, f"file:{export}")
    export.unlink()
    # when
    state = _ingested()
    # then
    assert state.is_failed()
    assert state.message is not None
    assert f"the platform's source file:{export} cannot be used: there is no file {export}" in state.message
    assert "just up --source" in state.message


@pytest.mark.parametrize("value", ["deals.csv", 7])
def test_what_somebody_wrote_into_the_variable_is_judged_as_any_source(prefect: Prefect, value: object) -> None:
    prefect.call("POST", "/variables/", {"name": SOURCE_VARIABLE, "value": value})
    state = _ingested()
    assert state.is_failed()
    assert repr(value) in str(state.message)


def test_a_platform_of_an_earlier_version_keeps_the_source_of_its_last_training(
    prefect: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setenv("CLOSECAST_STATE", str(tmp_path))
    carry_over(prefect)
    assert own_source(prefect) is None
    (tmp_path / "source.json").write_text(json.dumps({"source": "file:/data/deals.csv", "state": "", "code": ""}))
    # when
    carry_over(prefect)
    # then
    assert own_source(prefect) == "file:/data/deals.csv"
    # and one that was set since is not overwritten
    set_own_source(prefect, "kaggle")
    carry_over(prefect)
    assert own_source(prefect) == "kaggle"
