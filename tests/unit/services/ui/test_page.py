"""The page, driven through Streamlit's AppTest against a small HTTP server. The server is a double for the API, whose
real behaviour behind this page the end-to-end run covers."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from closecast.deals.mapping.profiles import shipped
from services.ui import checking, page, queries, sign_in
from services.ui.responses.exports import Findings

AS_OF = date(2017, 12, 1)
HEAD = ("Sign out", "Change password")
AGENTS = ("Ada Berg", "Carl Dahl", "Eva Falk")
PRODUCTS = ("GTX Basic", "GTX Pro", "MG Special")
NO_MODEL = (503, {"title": "The service cannot answer this now", "detail": "no model serves yet: none is registered"})
MODEL = {
    "name": "closecast",
    "version": "3",
    "alias": "champion",
    "kind": "model",
    "trained_at": "2018-01-02T03:04:05+00:00",
    "source": "synthetic",
    "source_sha256": "a" * 64,
    "data_as_of": str(AS_OF),
    "rows": {},
    "note": "",
    "metrics": {"log_loss_quarter_end": 0.412, "log_loss_30_days": 0.305, "auc_30_days": None},
    "reference_metrics": {"base_rate_log_loss_quarter_end": 0.523, "base_rate_log_loss_30_days": 0.367},
    "features": ["age_days", "horizon_days"],
    "git_commit": None,
}

EXPLANATION = {
    "probability": 0.62,
    "request_id": "r2",
    "base": {"probability": 0.5, "sentence": "The starting point is a deal engaged today: 50 % are won."},
    "groups": [
        {"name": name, "title": title, "points": points, "sentence": sentence}
        for name, title, points, sentence in (
            (
                "age",
                "How long the deal has been open",
                -0.031,
                "The deal has been open for 30 days; this lowers the chance.",
            ),
            ("course", "How deals of this age go", 0.151, "As past deals went, 66 % are won; this raises the chance."),
            ("product", "The product and its price", 0.0, "The product is what it is; this hardly changes the chance."),
        )
    ],
    "features": [],
}


ANSWERED = {
    "version": "3",
    "run_id": "run-3",
    "run": "http://mlflow.example/#/runs/run-3",
    "predictions": 1_300,
    "judged": {
        "predictions": 160,
        "deals": 105,
        "won": 59,
        "log_loss": 0.6512,
        "expected_log_loss": 0.6498,
        "calibration_error": 0.0213,
        "bins": [
            {"low": 0.1, "high": 0.2, "deals": 5, "won": 1, "mean_probability": 0.14},
            {"low": 0.6, "high": 0.7, "deals": 100, "won": 58, "mean_probability": 0.604},
        ],
    },
    "waiting": {"predictions": 1_100, "first": "2018-03-01", "last": "2018-03-31"},
    "not_judged": 40,
    "champion": {
        "since": "2018-01-02T03:04:05+00:00",
        "until": None,
        "how": "promoted",
        "by": "flow train/[otter](x)",
        "decision": "its log loss is below the champion's",
    },
}


SAID = {
    "number": 4,
    "day": "2018-01-31",
    "verdict": "steady",
    "reasons": ["open deals look as they did", "1,200 predictions with outcomes prove no harm"],
    "version": "3",
    "run_id": "run-3",
    "said_at": "2018-02-01T06:30:00+00:00",
    "reports": "http://mlflow.example/#/runs/reports-4",
    "figures": {},
}


USER = {
    "name": "ada",
    "role": "scorer",
    "state": "active",
    "created_by": "bootstrap",
    "created_at": "2026-11-01T09:00:00+00:00",
    "password_changed_at": "2026-11-02T09:00:00+00:00",
}


KEY = {
    "id": "aaaaaaaaaaaa",
    "name": "nightly scoring",
    "role": "scorer",
    "state": "active",
    "created_by": "user:ada",
    "created_at": "2026-11-01T09:00:00+00:00",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-11-02T09:30:00+00:00",
}
ACT = {
    "seq": 1,
    "at": "2026-11-01T09:00:00+00:00",
    "actor": "user:ada",
    "act": "key created",
    "subject": "key aaaaaaaaaaaa",
    "details": {},
    "request_id": None,
    "sha256": "ab",
}


class ApiDouble(ThreadingHTTPServer):
    """Answers the contract for twelve open deals; `override` replaces the answer of a path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.override: dict[str, tuple[int, dict[str, Any]]] = {}
        self.tokens = {"the-token"}  # of the sessions that have not ended
        self.users: dict[str, dict[str, Any]] = {name: {**USER, "name": name} for name in ("ada", "bob")}
        self.asked: list[tuple[str, dict[str, Any]]] = []  # of users

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path in self.override:
            return self.override[path]
        if path == "/v1/me":
            return 200, {"id": "user:1", "name": "ada", "kind": "user", "role": "scorer"}
        if path == "/v1/me/password":
            return (204, {}) if body["old"] == "the-password" else (401, {"detail": "the old password is wrong"})
        if path.startswith(("/v1/keys", "/v1/audit")):
            return self._keys(path, body)
        if path.startswith("/v1/users"):
            return self._users(path, body)
        if path == "/v1/me/session":
            self.tokens.clear()
            return 200, {"sessions": 1}
        if path == "/v1/model":
            return 200, MODEL
        if path == "/v1/model/history":
            return 200, {"day": query["day"], "models": [ANSWERED]}
        if path == "/v1/monitoring":
            return 200, {"verdicts": [SAID]}
        if path == "/v1/alerts":
            return 200, {"alerts": []}
        asked = {**query, **body}
        as_of = date.fromisoformat(asked.get("as_of", str(AS_OF)))
        days = 30 if asked["horizon"] == "quarter_end" else int(asked["horizon"])
        common = {
            "as_of": str(as_of),
            "horizon_days": days,
            "by": str(as_of + timedelta(days=days)),
            "quarter": {"start": "2017-10-01", "end": "2017-12-31"},
            "model": {"name": "closecast", "version": "3"},
        }
        if path == "/v1/predictions":
            return self._prediction(body["deal"], common)
        if path == "/v1/explanations":
            return 200, {**common, **EXPLANATION}
        deals = [
            {
                "opportunity_id": f"D{at:02}",
                "sales_agent": AGENTS[at % 3],
                "product": PRODUCTS[at % 2],
                "account": None if at == 3 else f"Account {at}",
                "engage_date": str(as_of - timedelta(days=7 * at)),
                "age_days": 7 * at,
                "probability": round(0.81 - at / 16, 4),
            }
            for at in range(12)
        ]
        counts = {"open": 12, "not_scorable": 5}
        return 200, {
            **common,
            "counts": counts,
            "expected_wins": sum(one["probability"] for one in deals),
            "deals": deals,
        }

    def _keys(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/v1/audit/verification":
            return 200, {"intact": True, "entries": 1, "fault": None}
        if path == "/v1/audit":
            return 200, {"entries": [ACT]}
        if path != "/v1/keys":
            self.asked.append((path, body))
            return 200, {**KEY, "state": "revoked"}
        if body:
            self.asked.append((path, body))
            return 201, {"key": {**KEY, "id": "bbbbbbbbbbbb"}, "secret": "cc_bbbbbbbbbbbb_secret"}
        return 200, {"keys": [KEY, {**KEY, "id": "cccccccccccc", "state": "revoked", "last_used_at": None}]}

    def _users(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        named = path.removeprefix("/v1/users").lstrip("/")
        if not named and not body:
            return 200, {"users": list(self.users.values())}
        if body.get("name") in self.users:
            return 409, {"title": "There is such a user already", "detail": "there is a user bob already"}
        self.asked.append((path, body))
        name = body.get("name", named)
        user = self.users.setdefault(name, {**USER, "name": name})
        user["role"] = body.get("role", user["role"])
        user["state"] = "disabled" if body.get("disabled") else "active"
        password = "made-up" if not named or body.get("new_password") else None
        return 201, {"user": user, "password": password}

    @staticmethod
    def _prediction(deal: dict[str, str], common: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "engage_date" not in deal:
            detail = "the deal has no engage date; it can be scored once an agent has engaged it"
            field = {"field": "deal.engage_date", "value": None, "expected": "a date", "detail": detail}
            return 422, {"title": "The input cannot be scored", "status": 422, "detail": detail, "errors": [field]}
        chances = {"30": 0.62, "60": 0.71, "90": 0.78, "quarter_end": 0.62}
        return 200, {**common, "probability": 0.62, "probabilities": chances, "request_id": "r1"}


class _Handler(BaseHTTPRequestHandler):
    server: ApiDouble

    def _reply(self) -> None:
        where = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        if where.path == "/v1/sign-in":
            status, answer = self._sign_in(body)
        elif self.headers.get("Authorization", "").removeprefix("Bearer ") in self.server.tokens:
            status, answer = self.server.answer(where.path, query, body)
        else:
            status, answer = 401, {"title": "Unauthorized", "detail": "the session is not known"}
        content = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 300 else "application/problem+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _sign_in(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "/v1/sign-in" in self.server.override:
            return self.server.override["/v1/sign-in"]
        if body != {"name": "ada", "password": "the-password"}:
            return 401, {"title": "Unauthorized", "detail": "the name or the password is wrong"}
        self.server.tokens.add("a-new-token")
        return 201, {"token": "a-new-token"}

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _reply  # noqa: N815 - the base class looks for these names

    def log_message(self, *_: Any) -> None:
        """Silent: the test's output is not its log."""


@pytest.fixture
def api() -> Iterator[ApiDouble]:
    double = ApiDouble()
    thread = threading.Thread(target=double.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield double
    double.shutdown()
    thread.join()
    double.server_close()


def _come_with(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have visits show `token` in the cookie that the API's page has set."""
    monkeypatch.setattr(st, "context", SimpleNamespace(cookies={sign_in.COOKIE: token} if token else {}))


@pytest.fixture(autouse=True)
def no_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each run Streamlit would look through all that is installed for components, of which the page has none."""
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", lambda *_, **__: [])


@pytest.fixture
def app(api: ApiDouble, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("CLOSECAST_API_URL", api.url)
    st.cache_data.clear()
    st.cache_resource.clear()
    # AppTest has no browser, and so no cookies: it stands for a visit of somebody who has signed in.
    _come_with("the-token", monkeypatch)
    return AppTest.from_file(page.__file__, default_timeout=60)


def _sign_in(app: AppTest, name: str, password: str) -> None:
    app.text_input[0].input(name)
    app.text_input[1].input(password)
    app.button[0].click().run()


@pytest.mark.parametrize("shown", ["", "another token", "the-tokens", "\u00e9"])
def test_who_has_not_signed_in_sees_nothing_but_the_question(
    shown: str, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    _come_with(shown, monkeypatch)
    # when / then
    app.run()
    assert [box.label for box in app.text_input] == ["Name", "Password"]
    assert not app.dataframe
    assert not app.tabs
    # when the password is wrong, and then right
    _sign_in(app, "ada", "the-passwor")
    assert [one.value for one in app.error] == ["The name or the password is wrong."]
    assert not app.tabs
    _sign_in(app, "ada", "the-password")
    assert app.dataframe
    # then it is asked for once
    app.run()
    assert app.dataframe
    assert "Signed in as ada (scorer)" in app.caption[0].value


def test_a_session_that_has_ended_is_told_and_begun_anew(app: AppTest, api: ApiDouble) -> None:
    # given
    app.run()
    assert app.dataframe
    # when it is ended elsewhere
    api.tokens.clear()
    st.cache_data.clear()  # what five seconds do
    app.run()
    # then
    assert app.caption[0].value == "Your session has ended."
    assert not app.dataframe
    _sign_in(app, "ada", "the-password")
    assert app.dataframe


def test_signed_out_is_out_at_once(app: AppTest, api: ApiDouble) -> None:
    # given
    app.run()
    # when
    next(one for one in app.button if one.label == "Sign out").click().run()
    # then
    assert not app.dataframe
    assert [box.label for box in app.text_input] == ["Name", "Password"]
    assert api.tokens == set()


def test_a_locked_name_is_told_until_when(app: AppTest, api: ApiDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    detail = "too many wrong passwords for this name; try again at 09:30 UTC"
    api.override["/v1/sign-in"] = (429, {"title": "Too Many Requests", "detail": detail})
    _come_with("", monkeypatch)
    app.run()
    # when
    _sign_in(app, "ada", "the-password")
    # then
    assert "try again at 09:30 UTC" in app.error[0].value


def test_what_one_person_was_shown_is_not_shown_to_the_next(
    app: AppTest, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    app.run()
    assert app.dataframe
    # when somebody comes whose role may not, within the seconds for which answers are kept
    api.tokens.add("another-token")
    api.override["/v1/model"] = (403, {"title": "Forbidden", "detail": "this needs the role viewer"})
    _come_with("another-token", monkeypatch)
    other = AppTest.from_file(page.__file__, default_timeout=60).run()
    # then
    assert not other.dataframe
    assert "needs the role viewer" in other.error[0].value


def _press(app: AppTest) -> None:
    """Press the page's first button but those of its head."""
    next(one for one in app.button if one.label not in HEAD).click().run()


def metrics(app: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in app.metric}


def test_the_ranking_is_shown(app: AppTest) -> None:
    # when
    app.run()
    # then
    assert not app.exception
    names = ["Rank the pipeline", "Score one deal", "Check an export", "Past answers", "Still right?", "Alerts"]
    assert [tab.label for tab in app.tabs] == names
    assert "version 3 · trained on 2 January 2018 from synthetic data" in app.caption[1].value
    assert "0.412 by quarter end (base rate 0.523)" in app.caption[1].value
    assert metrics(app) == {"Open deals": "12", "Expected wins": "5.6", "Won by": "31 December 2017"}
    assert app.dataframe[0].value["opportunity_id"].tolist() == [f"D{at:02}" for at in range(12)]
    assert "5 deals are still in prospecting" in app.caption[2].value


def test_filters_and_horizon_change_the_ranking(app: AppTest) -> None:
    # given
    app.run()
    # when
    app.selectbox(key="rank_horizon").select("Within 60 days")
    app.multiselect(key="rank_agents").select("Ada Berg")
    app.multiselect(key="rank_products").select("GTX Pro").run()
    # then
    assert app.dataframe[0].value["opportunity_id"].tolist() == ["D03", "D09"]
    assert metrics(app) == {"Open deals": "2", "Expected wins": "0.9", "Won by": "30 January 2018"}
    assert "2 of 12 open deals shown" in app.caption[2].value


def test_a_deal_is_scored_and_the_answer_stays(app: AppTest) -> None:
    # given
    app.run()
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    app.selectbox(key="score_product").select("GTX Pro")
    # when
    _press(app)
    # then
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    # when: something else is clicked
    app.multiselect(key="rank_agents").select("Ada Berg").run()
    # then
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    assert not app.exception


def test_the_quarter_that_is_meant_is_told(app: AppTest) -> None:
    # when
    app.run()
    # then
    told = "The quarter runs from 1 October 2017 to 31 December 2017."
    assert any(told in one.value for one in app.caption)
    # when asked within days, and for one deal
    app.selectbox(key="rank_horizon").select("Within 30 days").run()
    assert not any(told in one.value for one in app.caption)
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    _press(app)
    # then
    assert any(one.value.startswith("As of") and told in one.value for one in app.caption)


def test_the_chance_is_explained_strongest_reason_first(app: AppTest) -> None:
    # given
    app.run()
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    # when
    _press(app)
    # then
    assert not app.exception
    assert [one.value for one in app.subheader] == ["Why"]
    listed = next(one.value for one in app.markdown if one.value.startswith("- **"))
    assert listed.splitlines() == [
        "- **How deals of this age go** (+15.1): As past deals went, 66 % are won; this raises the chance.",
        "- **How long the deal has been open** (-3.1): The deal has been open for 30 days; this lowers the chance.",
    ]
    captions = [one.value for one in app.caption]
    assert "The starting point is a deal engaged today: 50 % are won." in captions
    assert "A point is one percentage point: from 50 %, the points lead to 62 %." in captions


def test_a_deal_that_is_the_starting_point_has_nothing_to_explain(app: AppTest, api: ApiDouble) -> None:
    # given
    groups = [{**one, "points": 0.0} for one in EXPLANATION["groups"]]  # type: ignore[attr-defined]
    api.override["/v1/explanations"] = (200, {**EXPLANATION, "probability": 0.5, "groups": groups})
    app.run()
    app.date_input(key="score_engaged").set_value(date(2017, 12, 1))
    # when
    _press(app)
    # then
    assert not app.exception
    assert "This deal does not differ from the starting point." in [one.value for one in app.markdown]


def test_without_an_explanation_the_chance_is_shown_and_the_reason_told(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/explanations"] = (503, {"title": "…", "detail": "explanations are being computed elsewhere"})
    app.run()
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    # when
    _press(app)
    # then
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    assert "Explanations are being computed elsewhere." in app.warning[0].value
    assert not app.exception


def test_a_problem_is_a_sentence(app: AppTest) -> None:
    # given
    app.run()
    # when: no engage date is given
    _press(app)
    # then
    assert [one.value for one in app.error] == [
        "The deal has no engage date; it can be scored once an agent has engaged it. Expected: a date."
    ]
    assert not app.exception


def test_absent_metrics_are_tolerated(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/model"] = (200, {**MODEL, "metrics": {}, "reference_metrics": {}})
    # when
    app.run()
    # then
    assert "Log loss" not in app.caption[1].value
    assert app.dataframe
    assert not app.exception


def test_an_api_that_is_down_is_named_and_asked_again(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    app_url = os.environ["CLOSECAST_API_URL"]
    monkeypatch.setenv("CLOSECAST_API_URL", "http://127.0.0.1:1")
    # when
    app.run()
    # then
    assert not app.exception
    assert "does not answer at http://127.0.0.1:1" in app.warning[0].value
    # when: it is back
    monkeypatch.setenv("CLOSECAST_API_URL", app_url)
    _press(app)
    # then
    assert app.dataframe
    assert not app.warning


def test_an_api_without_a_model_says_so_and_is_not_remembered(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/model"] = NO_MODEL
    # when
    app.run()
    # then
    assert "the first one is being trained" in app.warning[0].value
    assert not app.exception
    # when: it has been trained
    api.override.clear()
    _press(app)
    # then
    assert app.dataframe


def test_a_ranking_that_cannot_be_had_leaves_the_form(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/pipeline"] = (503, {"title": "…", "detail": "the lake does not answer"})
    # when
    app.run()
    # then
    assert "The lake does not answer" in app.warning[0].value
    assert app.date_input(key="score_engaged")
    assert not app.exception


def test_a_refusal_is_a_sentence(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/model"] = (401, {"title": "Unauthorized", "detail": "the session is not known"})
    # when
    app.run()
    # then
    assert app.error[0].value == "The prediction service does not let this page in. The session is not known."
    assert not app.exception


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
    "shortfalls": ["only 4 of the 9 closed deals are Lost: needed are 20 or more"],
}


def test_what_would_be_made_of_an_export_is_shown(app: AppTest) -> None:
    # given a file that was checked: no browser, no upload
    app.session_state["checked"] = Findings.of_json(FINDINGS)
    # when
    app.run()
    # then
    assert not app.exception
    assert "No model can be trained on it" in app.error[0].value
    assert "needed are 20 or more" in app.error[0].value
    assert {"Rows": "12", "Used": "9"}.items() <= metrics(app).items()
    tables = [table.value.to_dict("list") for table in app.dataframe[1:]]
    assert {"Why": ["close_date is missing", "remark or total"], "Rows": [2, 1]} in tables
    assert {"Column": ["Probability"], "ROC AUC": [1.0]} in tables
    assert "account" in app.warning[0].value
    # and a stranger's words are no links
    assert any("\\[click\\]\\(javascript" in one.value for one in app.info)
    assert any(one.value.startswith("- \\!\\[y\\]\\(http") for one in app.markdown)


def test_a_problem_with_an_export_stays_on_the_page(app: AppTest) -> None:
    app.session_state["checked"] = "The file is no export."
    app.run()
    assert app.error[0].value == "The file is no export\\."


def test_every_crm_of_the_form_has_a_profile() -> None:
    shipped_names = {profile.name for profile in shipped()}
    assert {name for name in checking.PROFILES.values() if name} == shipped_names - {"public"}


def _show_day(app: AppTest) -> AppTest:
    return next(one for one in app.button if one.label == "Show this day").click().run()


def test_past_answers_are_told_in_plain_words(app: AppTest) -> None:
    # given
    app.run()
    assert not app.subheader
    # when
    app.date_input(key="history_day").set_value(date(2018, 1, 31))
    _show_day(app)
    # then
    assert not app.exception
    assert [one.value for one in app.subheader] == ["Version 3"]
    told = "\n".join(one.value.replace("\\", "") for one in app.markdown)
    assert "In use since 2 January 2018, after it was found better than what was in use before." in told
    assert "It gave 1,300 answers on this day. What became of 105 deals is known, and 59 of them were won" in told
    assert "1,100 answers wait for the outcome, the last until 31 March 2018." in told
    assert "- Of 5 deals given about 14 %, 1 was won (too few to say much)." in told
    assert "- Of 100 deals given about 60 %, 58 were won." in told
    # and the numbers are one click away
    numbers = next(one.value for one in app.expander[0].dataframe if "What" in one.value)
    facts = dict(zip(numbers["What"], numbers["Value"], strict=True))
    assert (facts["Log loss"], facts["Log loss if each chance is right"]) == ("0.6512", "0.6498")
    assert facts["Champion since"] == "2018-01-02 03:04 UTC, promoted by flow train/[otter](x)"
    assert facts["Waiting"] == "1,100, from 2018-03-01 to 2018-03-31"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"judged": None}, "It gave 1,300 answers on this day. 1,100 answers wait"),
        ({"predictions": 0, "judged": None, "waiting": None}, "It gave no answer on this day."),
        ({"champion": None, "run": None, "run_id": None}, "When it came into use is not recorded."),
        (
            {"champion": {**ANSWERED["champion"], "how": "rolled back", "until": "2018-01-05T00:00:00+00:00"}},  # type: ignore[dict-item]
            "In use since 2 January 2018 until 5 January 2018, when somebody went back to it.",
        ),
    ],
)
def test_what_is_not_known_of_past_answers_is_left_out(
    changed: dict[str, Any], words: str, app: AppTest, api: ApiDouble
) -> None:
    api.override["/v1/model/history"] = (200, {"day": "2018-01-31", "models": [{**ANSWERED, **changed}]})
    _show_day(app.run())
    assert not app.exception
    assert any(words in one.value.replace("\\", "") for one in app.markdown)


def test_a_day_without_answers_and_an_outage_are_sentences(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/model/history"] = (200, {"day": "2018-01-31", "models": []})
    _show_day(app.run())
    assert "No model answered on 31 January 2018." in [one.value for one in app.info]
    api.override["/v1/model/history"] = (503, {"title": "…", "detail": "the database does not answer"})
    _show_day(app)
    assert "The database does not answer" in app.error[0].value
    assert "Press “Show this day” again" in app.error[0].value
    assert not app.exception


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("steady", "The answers are as good as they were when they came into use. As of 31 January 2018."),
        ("shifted", "That alone does not make the answers worse."),
        ("harmful, proved", "deals ended otherwise than they say. New ones are being learnt."),
        ("not judged", "Nothing can be said yet."),
    ],
)
def test_what_monitoring_found_is_one_plain_sentence(verdict: str, words: str, app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/monitoring"] = (200, {"verdicts": [{**SAID, "verdict": verdict}]})
    app.run()
    assert not app.exception
    shown = app.warning if verdict.startswith("harmful") else app.info
    assert any(words in one.value for one in shown)
    assert "log loss" not in "".join(one.value for one in shown)
    # and the reasons are one click away
    told = "\n".join(one.value.replace("\\", "") for one in app.markdown)
    assert "- 1,200 predictions with outcomes prove no harm" in told


def test_before_the_first_look_and_in_an_outage_the_tab_says_so(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/monitoring"] = (200, {"verdicts": []})
    app.run()
    assert any("Nobody has looked yet" in one.value for one in app.info)


def test_an_outage_of_what_monitoring_found_leaves_the_other_tabs(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/monitoring"] = (503, {"title": "…", "detail": "the database does not answer"})
    app.run()
    assert any("The database does not answer" in one.value for one in app.error)
    assert len(app.dataframe) >= 1


def test_open_alerts_are_shown_pages_first_and_do_nothing(app: AppTest, api: ApiDouble) -> None:
    # given
    opened = {"opened_at": "2026-11-28T12:00:00+00:00", "refreshed_at": "2026-11-28T12:00:00+00:00", "labels": {}}
    hostile = "=cmd ![x](https://evil.example) <b>bold</b>"
    note = {"rule": "data_quality", "key": "a", "severity": "note", "summary": hostile, "description": "", **opened}
    page = {
        "rule": "harmful_proved",
        "key": "b",
        "severity": "page",
        "summary": "Harm",
        "description": "Much",
        **opened,
    }
    links = {"report": "https://localhost/report", "run": "javascript:alert(1)"}
    api.override["/v1/alerts"] = 200, {"alerts": [{**note, "links": {}}, {**page, "links": links}]}
    # when
    app.run()
    # then
    [shown] = [one.value for one in app.error]
    assert shown.startswith("**Harm**")
    assert "<https://localhost/report>" in shown
    assert "javascript\\:alert" in shown
    [shown] = [one.value for one in app.warning]
    assert "![x](" not in shown
    assert "<b>" not in shown


def test_without_an_alert_the_page_says_so_and_without_an_answer_why(app: AppTest, api: ApiDouble) -> None:
    app.run()
    assert [one.value for one in app.success] == ["No alert is open."]
    api.override["/v1/alerts"] = 503, {"title": "x", "detail": "the database cannot be used now"}
    queries.alerts.clear()
    app.run()
    assert [one.value for one in app.error if "The database cannot be used now" in one.value]


@pytest.fixture
def admins(app: AppTest, api: ApiDouble) -> AppTest:
    """The page of an admin."""
    api.override["/v1/me"] = (200, {"id": "user:1", "name": "ada", "kind": "user", "role": "admin"})
    return app.run()


def _button(app: AppTest, label: str) -> None:
    next(one for one in app.button if one.label == label).click().run()


def _field(app: AppTest, kind: str, label: str) -> Any:
    """The last field of this label: the page has several lists of what somebody may do."""
    return [one for one in getattr(app, kind) if one.label == label][-1]


def _people(app: AppTest) -> Any:
    return next(one.value for one in app.dataframe if "Password of" in one.value.columns)


def test_people_are_an_admins_matter(app: AppTest) -> None:
    assert not {"People", "Keys and audit"} & {tab.label for tab in app.run().tabs}


def test_an_admin_sees_who_may_sign_in(admins: AppTest) -> None:
    assert [tab.label for tab in admins.tabs][-2:] == ["People", "Keys and audit"]
    table = _people(admins)
    assert table["Name"].tolist() == ["ada", "bob"]
    assert table["Added"].tolist() == [date(2026, 11, 1)] * 2
    assert not admins.exception


def test_an_admin_adds_somebody_and_sees_the_password_once(admins: AppTest, api: ApiDouble) -> None:
    # when
    _field(admins, "text_input", "Name or e-mail address").input(" Eve@Example.com ")
    _button(admins, "Add")
    # then
    assert api.asked == [("/v1/users", {"name": "eve@example.com", "role": "scorer"})]
    assert "may sign in now" in admins.success[-1].value
    assert [one.value for one in admins.code] == ["made-up"]
    assert "eve@example.com" in _people(admins)["Name"].tolist()
    # when the page is drawn again
    admins.run()
    # then
    assert not admins.code


def test_a_name_that_is_taken_is_told(admins: AppTest) -> None:
    _field(admins, "text_input", "Name or e-mail address").input("bob")
    _button(admins, "Add")
    assert "here is a user bob already" in admins.error[-1].value


def test_an_admin_changes_others_but_not_the_own_rights(admins: AppTest, api: ApiDouble) -> None:
    # given
    assert _field(admins, "selectbox", "Who").options == ["bob"]
    # when nothing is chosen
    _button(admins, "Change")
    assert "Choose who is to change, and what." in admins.info[-1].value
    # and when something is
    _field(admins, "selectbox", "Who").select("bob")
    _field(admins, "selectbox", "Sign-in").select("disabled")
    _field(admins, "checkbox", "Make up a new password, and unlock the name").check()
    _button(admins, "Change")
    # then
    assert api.asked == [("/v1/users/bob", {"disabled": True, "new_password": True})]
    assert "(scorer, disabled) is changed" in admins.success[-1].value
    assert [one.value for one in admins.code] == ["made-up"]


def test_people_that_cannot_be_had_are_a_sentence(admins: AppTest, api: ApiDouble) -> None:
    detail = "the database does not answer; see what was done before trying again"
    api.override["/v1/users"] = (503, {"title": "The service cannot answer this now", "detail": detail})
    api.override["/v1/keys"] = api.override["/v1/users"]
    st.cache_data.clear()  # what five seconds do
    admins.run()
    assert ["database does not answer" in one.value for one in admins.error] == [True, True]
    assert not admins.exception


@pytest.mark.parametrize(("old", "told"), [("the-password", "success"), ("a guess", "error")])
def test_the_own_password_is_changed_by_who_knows_it(app: AppTest, old: str, told: str) -> None:
    # given
    app.run()
    # when
    _field(app, "text_input", "Old password").input(old)
    _field(app, "text_input", "New password").input("correct horse battery")
    _button(app, "Change password")
    # then
    words = {"success": "The password is changed.", "error": "The old password is wrong."}
    assert words[told] in getattr(app, told)[0].value
    assert not app.exception


def test_an_admin_sees_keys_and_what_was_done(admins: AppTest) -> None:
    keys = next(one.value for one in admins.dataframe if "Last used" in one.value.columns)
    assert keys["Key"].tolist() == ["aaaaaaaaaaaa", "cccccccccccc"]
    assert keys["Last used"].tolist() == ["2026-11-02 09:30", "never"]
    acts = next(one.value for one in admins.dataframe if "To what" in one.value.columns)
    assert acts["Who"].tolist() == ["user:ada"]


def test_the_log_is_checked_when_that_is_asked_for(admins: AppTest, api: ApiDouble) -> None:
    _button(admins, "Check that nothing was changed")
    assert "1 entry, unbroken from the first to the last." in admins.success[-1].value
    api.override["/v1/audit/verification"] = (200, {"intact": False, "entries": 9, "fault": "entry 3 was changed"})
    _button(admins, "Check that nothing was changed")
    assert "The log was tampered with: entry 3 was changed" in admins.error[-1].value


def test_an_admin_makes_a_key_and_sees_it_once(admins: AppTest, api: ApiDouble) -> None:
    # when
    _field(admins, "text_input", "What for").input("reports")
    _field(admins, "selectbox", "Valid for").select("until it is revoked")
    _button(admins, "Make")
    # then
    assert api.asked == [("/v1/keys", {"name": "reports", "role": "scorer", "expires_in_days": None})]
    assert [one.value for one in admins.code] == ["cc_bbbbbbbbbbbb_secret"]
    # when the page is drawn again
    admins.run()
    assert not admins.code


def test_a_key_is_revoked_by_who_means_it(admins: AppTest, api: ApiDouble) -> None:
    # when only chosen
    _field(admins, "selectbox", "Which").select("aaaaaaaaaaaa")
    _button(admins, "Revoke")
    assert "say that you mean it" in admins.info[-1].value
    assert api.asked == []
    # and when meant
    _field(admins, "checkbox", "Its programs are to be refused from now on").check()
    _button(admins, "Revoke")
    assert api.asked == [("/v1/keys/aaaaaaaaaaaa", {})]
    assert "The key aaaaaaaaaaaa is revoked." in admins.success[-1].value
