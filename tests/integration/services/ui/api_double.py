"""A double for the API, as a small HTTP server. Its real behaviour behind the pages the end-to-end run covers."""

import json
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.integration.services.ui.answers import (
    ACT,
    AGENTS,
    ANSWERED,
    AS_OF,
    CHAMPIONS,
    DEAL,
    EVALUATION,
    EXPLANATION,
    FORECAST,
    KEY,
    MODEL,
    OPERATIONS,
    OPINION,
    OUTLOOK,
    PLAN,
    PRODUCTS,
    SAID,
    SILENCE,
    USER,
    VERSIONS,
)


class ApiDouble(ThreadingHTTPServer):
    """Answers the contract for twelve open deals; `override` replaces the answer of a path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.override: dict[str, tuple[int, dict[str, Any]]] = {}
        self.tokens = {"the-token"}  # of the sessions that have not ended
        self.users: dict[str, dict[str, Any]] = {name: {**USER, "name": name} for name in ("ada", "bob")}
        self.asked: list[tuple[str, dict[str, Any]]] = []  # to change something
        self.queries: list[dict[str, Any]] = []  # of the ranking
        self.silences: list[dict[str, Any]] = []
        self.scored: list[dict[str, Any]] = []  # deals
        self.last: dict[str, Any] = {}  # ranking
        self.opinions: list[dict[str, Any]] = []
        self.regions: tuple[str, ...] = ()  # none: the data have none

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, query: dict[str, Any], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path in self.override:
            return self.override[path]
        if path == "/v1/me":
            return 200, {"id": "user:1", "name": "ada", "kind": "user", "role": "scorer", "has_password": True}
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
        if path == "/v1/operations":
            return 200, OPERATIONS
        if path == "/v1/model/versions":
            return 200, {"versions": VERSIONS}
        if path == "/v1/model/evaluation":
            self.queries.append(query)
            return 200, {**EVALUATION, "version": query["version"]}
        if path == "/v1/model/champions":
            return 200, {"champions": CHAMPIONS}
        if path == "/v1/model/rollback":
            self.asked.append((path, body))
            return 200, {**PLAN, "done": not body["dry_run"]}
        if path == "/v1/monitoring":
            return 200, {"verdicts": [SAID]}
        if path.startswith("/v1/alerts/silences"):
            return self._silences(path, body)
        if path == "/v1/alerts":
            return 200, {"alerts": []}
        if path == "/v1/opinions":
            return self._opinions(body)
        if path == "/v1/forecast":
            self.queries.append(query)
            return 200, FORECAST
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
            self.scored.append(body["deal"])
            return self._prediction(body["deal"], common)
        if path == "/v1/deal":
            return 200, {**common, **DEAL, "opportunity_id": asked["opportunity_id"], "outlook": OUTLOOK}
        if path == "/v1/explanations":
            return 200, {**common, **EXPLANATION}
        self.last = {**common, **self._ranking(query, as_of)}
        return 200, self.last

    def _ranking(self, query: dict[str, Any], as_of: date) -> dict[str, Any]:
        self.queries.append(query)
        deals: list[dict[str, Any]] = [
            {
                "opportunity_id": f"D{at:02}",
                "sales_agent": AGENTS[at % 3],
                "product": PRODUCTS[at % 2],
                "account": None if at == 3 else f"Account {at}",
                "manager": None,
                "region": self.regions[at % 2] if self.regions else None,
                "engage_date": str(as_of - timedelta(days=7 * at)),
                "age_days": 7 * at,
                "probability": round(0.81 - at / 16, 4),
                "price": None if at == 3 else 1_000.0 * (at + 1),
                "probability_before": {0: None, 2: 0.6853}.get(at, 0.5),
                "alike": 20 * at,
            }
            for at in range(12)
        ]
        kept = [
            one
            for one in deals
            if one["sales_agent"] in query.get("sales_agents", AGENTS)
            and one["product"] in query.get("products", PRODUCTS)
            and one["region"] in query.get("regions", [*self.regions, None])
        ]
        return {
            "counts": {"open": 12, "matching": len(kept), "not_scorable": 5},
            "choices": {
                "sales_agent": list(AGENTS),
                "product": list(PRODUCTS),
                "manager": [],
                "region": list(self.regions),
            },
            "expected_wins": sum(one["probability"] for one in kept),
            "expected_value": sum(one["probability"] * (one["price"] or 0) for one in kept),
            "deals": kept[: int(query["limit"])],
        }

    def _silences(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        number = path.removeprefix("/v1/alerts/silences").lstrip("/")
        if number:
            self.asked.append((path, body))
            self.silences.clear()
            return 200, {"number": int(number)}
        if not body:
            return 200, {"silences": self.silences}
        self.asked.append((path, body))
        self.silences.append({**SILENCE, "rule": body["rule"], "why": body["why"]})
        return 201, self.silences[-1]

    def _opinions(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not body:
            return 200, {"opinions": self.opinions}
        self.asked.append(("/v1/opinions", body))
        self.opinions.insert(0, {**OPINION, "expects": body["expects"], "reason": body["reason"]})
        return 201, self.opinions[0]

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
        found = parse_qs(where.query)
        # As in the API, these may come several times.
        query: dict[str, Any] = {name: values[0] for name, values in found.items()}
        query |= {f"{name}s": found[name] for name in ("sales_agent", "product", "region") if name in found}
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
