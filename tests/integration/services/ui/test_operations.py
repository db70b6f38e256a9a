"""The page "Operations"."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import queries
from tests.integration.services.ui.answers import OPERATIONS
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import opened, table, texts

pytestmark = pytest.mark.integration


def test_what_the_api_needs_and_has_answered(admins: AppTest) -> None:
    opened(admins, "operations")
    assert not admins.exception
    assert admins.success[0].value == "Everything that the API needs answers."
    assert table(admins, "Answered in ms")["What the API needs"].tolist() == ["model registry", "cache"]
    assert table(admins, "Requests").iloc[0].tolist() == ["/v1/predictions", 1_000, 1, 1.0, 5.0]
    assert "instance 127.0.0.1:8000, which began on 2018-01-02 03:04 UTC" in texts(admins)
    assert "“just status” prints them" in texts(admins)


def test_the_last_run_of_each_flow_is_listed(admins: AppTest, api: ApiDouble) -> None:
    opened(admins, "operations")
    shown = table(admins, "Flow")
    assert shown["State"].tolist() == ["completed", "crashed"]
    assert shown["Seconds"].iloc[0] == 30.0
    assert shown["Message"].iloc[1] == "Its process is gone."
    for runs, words in ((None, "the database is away"), ([], "No run has ended yet.")):
        api.override["/v1/operations"] = (200, {**OPERATIONS, "runs": runs})
        queries.operations.clear()
        assert words in texts(admins.run())


def test_what_is_away_stands_first(admins: AppTest, api: ApiDouble) -> None:
    away = [{"name": "cache", "milliseconds": None, "problem": "![x](http://192.0.2.1) refused"}]
    api.override["/v1/operations"] = (200, {**OPERATIONS, "dependencies": away, "model_problem": "MLflow is away"})
    opened(admins, "operations")
    assert admins.error[0].value == "Away: cache."
    assert admins.warning[0].value == "MLflow is away\\."
    assert not admins.success
    assert table(admins, "Problem")["Problem"].tolist() == ["![x](http://192.0.2.1) refused"]


def test_links_are_those_that_are_known(admins: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given the file that Nomad writes
    file = tmp_path / "ui.env"
    file.write_text("CLOSECAST_PREFECT_URL=http://127.0.0.1:4200\n")
    monkeypatch.setenv("CLOSECAST_ADDRESSES", str(file))
    monkeypatch.setenv("CLOSECAST_NOMAD_URL", "http://127.0.0.1:4646")
    # when
    opened(admins, "operations")
    # then
    links = {str(one.proto.label): str(one.proto.url) for one in admins.get("link_button")}
    assert links == {"Open Nomad": "http://127.0.0.1:4646", "Open Prefect": "http://127.0.0.1:4200"}


def test_an_outage_leaves_the_links(admins: AppTest, api: ApiDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_NOMAD_URL", "http://127.0.0.1:4646")
    api.override["/v1/operations"] = (503, {"title": "…", "detail": "it is about to stop"})
    opened(admins, "operations")
    queries.operations.clear()
    assert "It is about to stop" in admins.warning[0].value
    assert len(admins.get("link_button")) == 1
    assert not admins.exception
