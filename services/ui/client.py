"""A client of the REST API that turns each failure into one of two errors."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from closecast.deals.horizon import Horizon
from closecast.platform.request_limits import MOST_DEALS
from services.ui.responses.champions import Champion, Rollback
from services.ui.responses.deals import Deal, Opinion
from services.ui.responses.evaluations import Evaluation, Registered
from services.ui.responses.exports import Findings
from services.ui.responses.forecast import Forecast
from services.ui.responses.history import History
from services.ui.responses.keys import Act, IssuedKey, Key, Verified
from services.ui.responses.models import ModelFacts
from services.ui.responses.monitoring import OpenAlert, Said, Silence
from services.ui.responses.operations import Operations
from services.ui.responses.people import ChangedUser, Person, User
from services.ui.responses.pipeline import EVERY_DEAL, Filters, Pipeline
from services.ui.responses.predictions import Explanation, Prediction

_TIMEOUT = httpx.Timeout(20, connect=2)
_SLOW_TIMEOUT = httpx.Timeout(100, connect=2)  # a large workbook, or a model that is fetched and verified
_Answer = TypeVar("_Answer")


class ApiUnavailableError(Exception):
    """The service cannot answer now. `detail` is its reason, None if it did not answer at all."""

    def __init__(self, address: str, detail: str | None) -> None:
        super().__init__(detail or f"no answer from {address}")
        self.address = address
        self.detail = detail


@dataclass(frozen=True)
class FieldProblem:
    """The service's error for one field."""

    field: str
    detail: str
    value: Any
    expected: str | None


class ApiProblemError(Exception):
    """The service refused the request; the attributes are those of its problem document (RFC 9457)."""

    def __init__(
        self, status: int, title: str, detail: str, request_id: str | None = None, fields: tuple[FieldProblem, ...] = ()
    ) -> None:
        super().__init__(f"{title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.fields = fields


@cache
def _certificates() -> ssl.SSLContext:
    """Those that the machine trusts. Reading them takes 20 ms, and each session has a client."""
    return httpx.create_ssl_context(trust_env=False)


class Client:
    """One connection pool to one address; safe to share between threads."""

    def __init__(self, address: str, token: str | None, transport: httpx.BaseTransport | None = None) -> None:
        """`token` is a session's; without one only `sign_in` is answered."""
        self.address, self.token = address.rstrip("/"), token
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        # The environment's proxies are for addresses outside of the cluster: trust_env is off.
        self._http = httpx.Client(
            base_url=self.address,
            headers={"Accept": "application/json", **shown},
            timeout=_TIMEOUT,
            trust_env=False,
            verify=_certificates(),
            transport=transport,
        )

    def sign_in(self, name: str, password: str) -> str:
        """Begin a session; returns its token. Raises ApiUnavailableError, or ApiProblemError: 401 when one is wrong."""
        body = {"name": name, "password": password}
        return self._ask(lambda content: str(content["token"]), "POST", "/v1/sign-in", json=body)

    def sign_out(self) -> None:
        """End the session. Raises ApiUnavailableError or ApiProblemError."""
        self._ask(lambda content: int(content["sessions"]), "DELETE", "/v1/me/session")

    def me(self) -> Person:
        """Who has signed in. Raises ApiUnavailableError, or ApiProblemError: 401 once the session has ended."""
        return self._ask(Person.of_json, "GET", "/v1/me")

    def change_password(self, old: str, new: str) -> None:
        """Replace the own password. Raises ApiUnavailableError, or ApiProblemError: 401 when the old one is wrong."""
        self._ask(lambda _: None, "PUT", "/v1/me/password", json={"old": old, "new": new})

    def users(self) -> list[User]:
        """All users, by name, for admins. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(lambda content: [User.of_json(one) for one in content["users"]], "GET", "/v1/users")

    def create_user(self, name: str, role: str) -> ChangedUser:
        """Create a user with a password that is made up, for admins. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(ChangedUser.of_json, "POST", "/v1/users", json={"name": name, "role": role})

    def change_user(self, name: str, changes: Mapping[str, str | bool]) -> ChangedUser:
        """Change `role`, `disabled` or, by `new_password`, the password of a user, for admins.

        Raises ApiUnavailableError or ApiProblemError.
        """
        return self._ask(ChangedUser.of_json, "PATCH", f"/v1/users/{quote(name, safe='')}", json=dict(changes))

    def keys(self) -> list[Key]:
        """All API keys, the newest first, for admins. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(lambda content: [Key.of_json(one) for one in content["keys"]], "GET", "/v1/keys")

    def create_key(self, name: str, role: str, days: int | None) -> IssuedKey:
        """Create a key, valid for `days`, or until it is revoked, for admins.

        Raises ApiUnavailableError or ApiProblemError.
        """
        body = {"name": name, "role": role, "expires_in_days": days}
        return self._ask(IssuedKey.of_json, "POST", "/v1/keys", json=body)

    def revoke_key(self, identity: str) -> Key:
        """Revoke a key, for admins. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(Key.of_json, "DELETE", f"/v1/keys/{quote(identity, safe='')}")

    def audit(self, limit: int = 100) -> list[Act]:
        """The newest entries of the audit log, for admins. Raises ApiUnavailableError or ApiProblemError."""
        query = {"limit": str(limit)}
        return self._ask(
            lambda content: [Act.of_json(one) for one in content["entries"]], "GET", "/v1/audit", params=query
        )

    def verify_audit(self) -> Verified:
        """Whether the audit log is whole, for admins. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(Verified.of_json, "GET", "/v1/audit/verification")

    def model(self) -> ModelFacts:
        """The served model. Raises ApiUnavailableError, with a detail while there is no model, or ApiProblemError."""
        return self._ask(ModelFacts.of_json, "GET", "/v1/model")

    def forecast(self, as_of: date, group_by: str) -> Forecast:
        """The forecast of the won revenue of the quarter ahead of `as_of`, by `product`, `sales_agent`, `manager` or `region`.

        Raises ApiUnavailableError or ApiProblemError.
        """
        return self._ask(
            Forecast.of_json, "GET", "/v1/forecast", params={"as_of": as_of.isoformat(), "group_by": group_by}
        )

    def pipeline(
        self,
        as_of: date | None = None,
        horizon: Horizon = "quarter_end",
        order: str = "probability",
        limit: int = MOST_DEALS,
        filters: Filters = EVERY_DEAL,
    ) -> Pipeline:
        """The first open deals as of a date, each with its chance of a week before.

        Raises ApiUnavailableError or ApiProblemError.
        """
        query: dict[str, str | list[str]] = {
            "horizon": str(horizon),
            "limit": str(limit),
            "order": order,
            "weeks_back": "1",
            **filters.query(),
        }
        if as_of is not None:
            query["as_of"] = as_of.isoformat()
        return self._ask(Pipeline.of_json, "GET", "/v1/pipeline", params=query)

    def deal(self, identifier: str, as_of: date, horizon: Horizon) -> Deal:
        """One deal. Raises ApiUnavailableError, or ApiProblemError: 404 when the model's data do not have it."""
        query = {"opportunity_id": identifier, "as_of": as_of.isoformat(), "horizon": str(horizon)}
        return self._ask(Deal.of_json, "GET", "/v1/deal", params=query)

    def opinions(self, identifier: str) -> list[Opinion]:
        """What people expect of a deal, the latest first. Raises ApiUnavailableError or ApiProblemError."""
        query = {"opportunity_id": identifier}
        return self._ask(
            lambda content: [Opinion.of_json(one) for one in content["opinions"]], "GET", "/v1/opinions", params=query
        )

    def disagree(self, identifier: str, expects: str, reason: str, as_of: date, days: int) -> Opinion:
        """Keep an opinion on an open deal. Raises ApiUnavailableError or ApiProblemError."""
        body = {
            "opportunity_id": identifier,
            "expects": expects,
            "reason": reason,
            "as_of": as_of.isoformat(),
            "horizon": days,
        }
        return self._ask(Opinion.of_json, "POST", "/v1/opinions", json=body)

    def predict(
        self, deal: Mapping[str, str], as_of: date | None = None, horizon: Horizon = "quarter_end"
    ) -> Prediction:
        """The chance of one deal, given in raw CRM columns. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(Prediction.of_json, "POST", "/v1/predictions", json=_question(deal, as_of, horizon))

    def explain(
        self, deal: Mapping[str, str], as_of: date | None = None, horizon: Horizon = "quarter_end"
    ) -> Explanation:
        """The explanation of the chance from `predict`. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(Explanation.of_json, "POST", "/v1/explanations", json=_question(deal, as_of, horizon))

    def history(self, day: date) -> History:
        """Which models answered on `day`, and how good they were. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(History.of_json, "GET", "/v1/model/history", params={"day": day.isoformat()})

    def versions(self) -> list[Registered]:
        """The registered versions, the latest first. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(
            lambda content: [Registered.of_json(one) for one in content["versions"]], "GET", "/v1/model/versions"
        )

    def evaluation(self, version: str) -> Evaluation:
        """How good a version was, and what the gate said. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(Evaluation.of_json, "GET", "/v1/model/evaluation", params={"version": version})

    def champions(self) -> list[Champion]:
        """The models that were champion, the latest first. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(
            lambda content: [Champion.of_json(one) for one in content["champions"]], "GET", "/v1/model/champions"
        )

    def roll_back(self, version: str, expected: str | None, force: bool = False) -> Rollback:
        """Go back to `version` from `expected`, or without that only say what it would do, for admins.

        Raises ApiUnavailableError, or ApiProblemError: 409 where something speaks against it.
        """
        body: dict[str, Any] = {"version": version, "force": force, "dry_run": expected is None}
        if expected is not None:
            body["expected"] = expected
        return self._ask(Rollback.of_json, "POST", "/v1/model/rollback", json=body, timeout=_SLOW_TIMEOUT)

    def verdicts(self, limit: int = 30) -> list[Said]:
        """What monitoring said lately, the latest first. Raises ApiUnavailableError or ApiProblemError."""
        query = {"limit": str(limit)}
        return self._ask(
            lambda content: [Said.of_json(one) for one in content["verdicts"]], "GET", "/v1/monitoring", params=query
        )

    def alerts(self) -> tuple[OpenAlert, ...]:
        """The open alerts, the newest first. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(OpenAlert.of_list, "GET", "/v1/alerts")

    def silences(self) -> list[Silence]:
        """The silences in force, the first to end first. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(
            lambda content: [Silence.of_json(one) for one in content["silences"]], "GET", "/v1/alerts/silences"
        )

    def silence(self, rule: str, hours: int, why: str) -> Silence:
        """Silence the alerts of a rule, for admins. Raises ApiUnavailableError or ApiProblemError."""
        body = {"rule": rule, "hours": hours, "why": why}
        return self._ask(Silence.of_json, "POST", "/v1/alerts/silences", json=body)

    def end_silence(self, number: int) -> None:
        """End a silence, for admins. Raises ApiUnavailableError, or ApiProblemError: 404 when it has ended."""
        self._ask(lambda _: None, "DELETE", f"/v1/alerts/silences/{number}")

    def operations(self) -> Operations:
        """How the API and what it needs are doing. Raises ApiUnavailableError or ApiProblemError."""
        return self._ask(Operations.of_json, "GET", "/v1/operations")

    def check(self, content: bytes, mapping: str | None = None) -> Findings:
        """What would be made of an export, read by the profile `mapping`, or by one that fits with certainty.

        Raises ApiUnavailableError or ApiProblemError.
        """
        return self._ask(
            Findings.of_json,
            "POST",
            "/v1/exports/check",
            params={} if mapping is None else {"mapping": mapping},
            content=content,
            headers={"Content-Type": "application/octet-stream"},
            timeout=_SLOW_TIMEOUT,
        )

    def score_export(
        self, content: bytes, media_type: str, mapping: str | None, as_of: date, horizon: Horizon
    ) -> bytes:
        """The chances of an export's deals as CSV, one row each; `mapping` as in `check`.

        Raises ApiUnavailableError or ApiProblemError.
        """
        query = {"as_of": as_of.isoformat(), "horizon": str(horizon)} | (
            {} if mapping is None else {"mapping": mapping}
        )
        return self._answer(
            "POST",
            "/v1/predictions/batch",
            params=query,
            content=content,
            headers={"Content-Type": media_type, "Accept": "text/csv"},
            timeout=_SLOW_TIMEOUT,
        ).content

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise ApiUnavailableError(self.address, None) from error
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _ask(self, read: Callable[[dict[str, Any]], _Answer], method: str, path: str, **request: Any) -> _Answer:
        response = self._answer(method, path, **request)
        try:
            return read({} if response.status_code == httpx.codes.NO_CONTENT else response.json())
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            detail = f"the answer from {self.address}{path} is not in the form this page reads ({error!r})"
            raise ApiProblemError(response.status_code, "The answer is not understood", detail) from error

    def _refusal(self, response: httpx.Response) -> ApiUnavailableError | ApiProblemError:
        try:
            problem = response.json()
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            problem = {}
        detail = str(problem.get("detail") or f"{self.address} answered with the HTTP status {response.status_code}")
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return ApiUnavailableError(self.address, detail)
        found = problem.get("errors")
        fields = tuple(
            FieldProblem(str(one.get("field", "")), str(one.get("detail", "")), one.get("value"), one.get("expected"))
            for one in (found if isinstance(found, list) else [])
            if isinstance(one, dict)
        )
        title = str(problem.get("title") or "The request failed")
        return ApiProblemError(response.status_code, title, detail, problem.get("request_id"), fields)


def _question(deal: Mapping[str, str], as_of: date | None, horizon: Horizon) -> dict[str, Any]:
    question: dict[str, Any] = {"deal": dict(deal), "horizon": horizon}
    if as_of is not None:
        question["as_of"] = as_of.isoformat()
    return question
