"""MLflow's webhook for moved aliases: register it, verify its deliveries, and parse them."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from closecast.platform.mlflow.http import MlflowHttp
from closecast.platform.settings import Login

PATH = "/v1/registry-events"  # route of the API for deliveries
NAME = "closecast-champion"
FRESH_SECONDS = 300.0
_SIGNATURE, _TIMESTAMP, _DELIVERY = "x-mlflow-signature", "x-mlflow-timestamp", "x-mlflow-delivery-id"
_ENTITY = "model_version_alias"
# MLflow also calls it "created" when the alias moves from one version to another.
_EVENTS = [{"entity": "MODEL_VERSION_ALIAS", "action": action} for action in ("CREATED", "DELETED")]
_ROUTE = "mlflow/webhooks"
_STAMP = re.compile(r"[0-9]{1,12}")  # Unix seconds; of a longer number no difference could be told


class SignatureError(ValueError):
    """A delivery that is not signed with the secret, or too old."""


class EventError(ValueError):
    """A signed delivery that is not an MLflow event."""


@dataclass(frozen=True)
class AliasEvent:
    """An alias of a registered model now names `version`, or no version any more (None)."""

    model: str
    alias: str
    version: str | None


class _Event(msgspec.Struct):
    """The fields that every MLflow event has."""

    entity: str


class _Data(msgspec.Struct):
    name: str
    alias: str
    version: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,12}$")] | Annotated[int, msgspec.Meta(ge=0)] | None = None


class _AliasMoved(msgspec.Struct):
    """An event about an alias."""

    action: str
    data: _Data


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> None:
    """Raise SignatureError unless `body` was signed with `secret` within FRESH_SECONDS of `now` (Unix seconds).

    The signature is base64 of HMAC-SHA256 over "<delivery id>.<timestamp>.<body>", with "v1," before it. `headers` by
    lower-case name.
    """
    missing = [name for name in (_SIGNATURE, _TIMESTAMP, _DELIVERY) if not headers.get(name)]
    if missing:
        raise SignatureError(f"the header {missing[0]} is missing: only MLflow's signed deliveries are taken here")
    stamp = headers[_TIMESTAMP]
    version, _, given = headers[_SIGNATURE].partition(",")
    signed = f"{headers[_DELIVERY]}.{stamp}.".encode() + body
    wanted = hmac.digest(secret.encode(), signed, hashlib.sha256)
    try:
        sent = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        sent = b""
    if version != "v1" or not hmac.compare_digest(sent, wanted):
        raise SignatureError("the signature does not fit the delivery and this service's secret")
    # Only now: what is signed is a number of MLflow's.
    if not _STAMP.fullmatch(stamp) or abs(now - int(stamp)) > FRESH_SECONDS:
        raise SignatureError(f"the delivery was signed at {stamp[:20]}, more than {FRESH_SECONDS:.0f} s from now")


def alias_event(body: bytes) -> AliasEvent | None:
    """Parse the alias event in a delivery, None for other events. Raises EventError for anything else."""
    try:
        if msgspec.json.decode(body, type=_Event).entity != _ENTITY:
            return None
        event = msgspec.json.decode(body, type=_AliasMoved)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise EventError(f"the delivery is no event of MLflow's: {reason}") from error
    version = str(event.data.version) if event.action == "created" else None
    return AliasEvent(event.data.name, event.data.alias, version)


def registered(tracking_uri: str, login: Login | None = None) -> dict[str, Any] | None:
    """The webhook named NAME in MLflow (without its secret), None if there is none."""
    http, query = MlflowHttp(tracking_uri, login), {"max_results": "100"}
    while True:
        page = http.get(_ROUTE, query) or {}
        for webhook in page.get("webhooks", []):
            if webhook["name"] == NAME:
                return dict(webhook)
        if not page.get("next_page_token"):
            return None
        query["page_token"] = page["next_page_token"]


def ensure_webhook(tracking_uri: str, url: str, secret: str, login: Login | None = None) -> str:
    """Have MLflow deliver moved aliases to `url`, signed with `secret`; returns the webhook's id.

    There is only one webhook: it is created or updated. Raises RegistryError when MLflow cannot be reached or refuses
    the login or the address: our server accepts only those of the API's instances, others only https unless they were
    started with MLFLOW_WEBHOOK_ALLOWED_SCHEMES and MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS.
    """
    http, found = MlflowHttp(tracking_uri, login), registered(tracking_uri, login)
    body = {"name": NAME, "url": url, "events": _EVENTS, "secret": secret, "status": "ACTIVE"}
    if found is None:
        return str(http.post(_ROUTE, body)["webhook"]["webhook_id"])
    return str(http.patch(f"{_ROUTE}/{found['webhook_id']}", body)["webhook"]["webhook_id"])
