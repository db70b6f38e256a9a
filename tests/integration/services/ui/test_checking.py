"""The page "Check an export"."""

import pytest
from streamlit.testing.v1 import AppTest

from closecast.deals.mapping.profiles import shipped
from services.ui import checking
from services.ui.responses.exports import Findings
from tests.integration.services.ui.driving import metrics, opened

pytestmark = pytest.mark.integration

FINDINGS = {
    "read": "CSV in cp1252, separated by semicolons; mapped by the profile hubspot",
    "decided": ["![y](http://192.0.2.1/y.png) is written month-first"],
    "mapping": {"Deal Stage": "stage", "![x](http://192.0.2.1/x.png)": "created"},
    "rows": {"came_in": 12, "used": 9, "rejected": {"close_date is missing": 2}, "set_aside": {"remark or total": 1}},
    "stages": {"Won": 5, "Lost": 4},
    "quality": {"score": 0.5},
    "noticed": [
        "deals that are renewals: 3 (by the column '[click](javascript:alert(1))'); they are used like the others"
    ],
    "leaks": [
        {"column": "Probability", "auc": 1.0, "why": "", "is_feature": False},
        {"column": "account", "auc": 0.9, "why": "", "is_feature": True},
    ],
    "problems": [
        {"row": 3, "reasons": "close_date is missing"},
        {"row": 7, "reasons": "close_date is missing; =HYPERLINK(1)"},
        {"row": 14, "reasons": "remark or total"},
    ],
    "shortfalls": ["only 4 of the 9 closed deals are Lost: needed are 20 or more"],
}


def test_what_would_be_made_of_an_export_is_shown(app: AppTest) -> None:
    # given a file that was checked: no browser, no upload
    app.session_state["checked"] = Findings.of_json(FINDINGS)
    # when
    opened(app, "check")
    # then
    assert not app.exception
    assert "No model can be trained on it" in app.error[0].value
    assert "needed are 20 or more" in app.error[0].value
    assert {"Rows": "12", "Used": "9"}.items() <= metrics(app).items()
    tables = [table.value.to_dict("list") for table in app.dataframe]
    assert {"Why": ["close_date is missing", "remark or total"], "Rows": [2, 1]} in tables
    assert {"Column": ["Probability"], "ROC AUC": [1.0]} in tables
    assert "account" in app.warning[0].value
    assert "Download these rows with their reasons" in [str(one.proto.label) for one in app.get("download_button")]
    # and a stranger's words are no links
    assert any("\\[click\\]\\(javascript" in one.value for one in app.info)
    assert any(one.value.startswith("- \\!\\[y\\]\\(http") for one in app.markdown)


def test_a_problem_with_an_export_stays_on_the_page(app: AppTest) -> None:
    app.session_state["checked"] = "The file is no export."
    opened(app, "check")
    assert app.error[0].value == "The file is no export\\."


def test_every_crm_of_the_form_has_a_profile() -> None:
    shipped_names = {profile.name for profile in shipped()}
    assert {name for name in checking.PROFILES.values() if name} == shipped_names - {"public"}
