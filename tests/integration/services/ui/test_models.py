"""The page "Models"."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import queries
from tests.integration.services.ui.answers import MODEL, PLAN
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import field, opened, press, table, texts

pytestmark = pytest.mark.integration

LOOK, BACK = "See what that would do", "Go back to it"


@pytest.fixture
def admins(admins: AppTest) -> AppTest:
    return opened(admins, "models")


def test_the_evidence_stands_beside_simpler_rules(app: AppTest) -> None:
    opened(app, "models")
    assert not app.exception
    shown = table(app, "Measure")
    assert shown["Won"].tolist() == ["within 30 days", "by quarter end"]
    assert shown["This model"].tolist() == [0.305, 0.412]
    assert shown["Base rate"].tolist() == [0.367, 0.523]
    assert shown["Age and calendar alone"].isna().all()


def test_a_model_that_was_not_measured_says_so(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/model"] = (200, {**MODEL, "metrics": {}, "reference_metrics": {}})
    opened(app, "models")
    assert "Nothing was measured" in app.info[0].value
    assert not app.exception


def test_what_has_served_is_told_to_everybody_and_changed_by_admins(app: AppTest, api: ApiDouble) -> None:
    opened(app, "models")
    shown = table(app, "Decision")
    assert shown["Version"].tolist() == ["3", "2", "1"]
    assert shown["Until (UTC)"].tolist() == ["still", "2018-01-02 03:04", "2018-01-01 03:04"]
    assert shown["How"].tolist() == ["found better", "gone back to", "moved in MLflow"]
    assert LOOK not in [one.label for one in app.button]
    # and an outage of it leaves the rest
    api.override["/v1/model/champions"] = (503, {"title": "…", "detail": "the database cannot be used now"})
    queries.champions.clear()
    app.run()
    assert "The database cannot be used now" in app.error[0].value
    assert table(app, "Measure") is not None


def test_an_admin_looks_first_and_goes_back_when_it_is_meant(admins: AppTest, api: ApiDouble) -> None:
    # given
    assert field(admins, "selectbox", "Version").options == ["2", "1"]
    # when only looked
    press(admins, LOOK)
    assert api.asked == [("/v1/model/rollback", {"version": "2", "force": False, "dry_run": True})]
    assert "Version 2 would serve in the place of version 3." in texts(admins)
    assert "Its deals are a week older." in texts(admins)
    # when it is not meant
    press(admins, BACK)
    assert "say so above the button" in admins.info[-1].value
    assert len(api.asked) == 1
    # and when it is
    field(admins, "checkbox", "All chances are to come from version 2 from now on").check()
    press(admins, BACK)
    assert api.asked[1:] == [
        ("/v1/model/rollback", {"version": "2", "force": False, "dry_run": False, "expected": "3"})
    ]
    assert "Version 2 serves within seconds." in admins.success[0].value
    assert BACK not in [one.label for one in admins.button]


@pytest.mark.parametrize("final", [True, False])
def test_what_speaks_against_it_is_told(admins: AppTest, api: ApiDouble, final: bool) -> None:
    objection = {"detail": "the gate refused it", "remedy": "train again", "final": final}
    api.override["/v1/model/rollback"] = (200, {**PLAN, "objections": [objection]})
    press(admins, LOOK)
    assert "The gate refused it" in admins.warning[0].value
    labels = [one.label for one in admins.button]
    assert ("Go back to it all the same" in labels) == (not final)
    assert [one.value for one in admins.error] == (["It cannot serve."] if final else [])


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (409, {"title": "Conflict", "detail": "a promotion goes on"}, "A promotion goes on."),
        (503, {"title": "…", "detail": "the registry does not answer"}, "The registry does not answer."),
    ],
)
def test_a_refusal_is_a_sentence(
    admins: AppTest, api: ApiDouble, status: int, answer: dict[str, Any], expected: str
) -> None:
    api.override["/v1/model/rollback"] = (status, answer)
    press(admins, LOOK)
    assert expected in admins.error[0].value
    assert not admins.exception


def test_without_another_version_there_is_nowhere_to_go(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/me"] = (
        200,
        {"id": "user:1", "name": "ada", "kind": "user", "role": "admin", "has_password": True},
    )
    api.override["/v1/model/champions"] = (200, {"champions": []})
    opened(app, "models")
    assert "No champion is recorded yet." in texts(app)
    assert not app.exception


def test_versions_their_curves_and_what_the_gate_said(app: AppTest, api: ApiDouble) -> None:
    # when
    opened(app, "models")
    # then
    assert not app.exception
    shown = table(app, "Decided")
    assert shown["Version"].tolist() == ["4", "3", "2"]
    assert shown["Role"].tolist() == ["newest", "serves", ""]
    assert shown["Decided"].tolist() == ["refused", "promoted", "not decided"]
    assert "version 3: log loss 0.3123" in texts(app)
    assert [one.label for one in app.expander] == ["What the gate said of version 3"]
    # a sentence holds names of the export: they are no links
    gate = next(one.value for one in app.markdown if "✓" in one.value)
    assert "\\[x\\]\\(http" in gate
    assert "✗ quarter\\_end\\: not clearly better" in gate
    # when another version is chosen
    app.selectbox(key="beside").select("4").run()
    # then both are told
    assert "version 3: log loss 0.3123 · version 4: log loss 0.3123" in texts(app)
    assert len(app.expander) == 2
    assert [one["version"] for one in api.queries if "version" in one] == ["3", "4"]


def test_a_report_that_is_gone_leaves_the_rest(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/model/evaluation"] = (503, {"title": "…", "detail": "the report of version 3 is gone"})
    opened(app, "models")
    assert "The report of version 3 is gone." in app.error[0].value.replace("\\", "")
    assert table(app, "Decision") is not None
    api.override["/v1/model/versions"] = (503, {"title": "…", "detail": "MLflow is away"})
    queries.versions.clear()
    app.run()
    assert "MLflow is away" in app.error[0].value
    assert table(app, "Decision") is not None
    assert not app.exception
