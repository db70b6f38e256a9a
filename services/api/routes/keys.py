"""`/v1/keys`: create, list, rotate and revoke API keys, for admins. Each act is in the audit log, or is not done."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Request, Response, delete, get, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import Body, Parameter

from closecast.platform.callers import keys
from closecast.platform.callers.acts import By
from services.api.access.admission import Requires
from services.api.access.callers import Callers
from services.api.problems import UnavailableError
from services.api.routes.common import ADMIN_RESPONSES, legible, log_act
from services.api.schemas.keys import IssuedKey, KeyFacts, Keys, NewKey, Rotation

KeyId = Annotated[str, Parameter(description="The middle part of the key, as listed", examples=[])]
_TAGS = ["administration"]


@route("/keys", http_method=[HttpMethod.OPTIONS], sync_to_thread=False, include_in_schema=False)
def key_options() -> Response[None]:
    """Answer the allowed methods: Litestar's own answer names only those of the first handler."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


@post(
    "/keys",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Create an API key",
    responses=ADMIN_RESPONSES,
    tags=_TAGS,
)
def create_key(
    data: Annotated[NewKey, Body()], callers: NamedDependency[Callers], request: Request[Any, Any, Any]
) -> IssuedKey:
    """Create a key. Its secret is in this answer only."""
    lifetime = None if data.expires_in_days is None else timedelta(days=data.expires_in_days)
    issued, head = store(callers).create(legible("name", data.name), data.role, lifetime, by(request))
    log_act("key created", _subject(issued.key), head)
    return IssuedKey(_facts(issued.key), issued.text)


@get(
    "/keys",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="List the API keys",
    responses=ADMIN_RESPONSES,
    tags=_TAGS,
)
def list_keys(callers: NamedDependency[Callers]) -> Keys:
    """List all keys, including ended ones."""
    return Keys([_facts(key) for key in store(callers).all()])


@post(
    "/keys/{key_id:str}/rotate",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Give a key a new secret",
    responses=ADMIN_RESPONSES,
    tags=_TAGS,
)
def rotate_key(
    key_id: KeyId, data: Annotated[Rotation, Body()], callers: NamedDependency[Callers], request: Request[Any, Any, Any]
) -> IssuedKey:
    """Give a key a new secret with the same id, role and expiry; the old secret ends after the grace period."""
    issued, head = store(callers).rotate(_sound(key_id), timedelta(seconds=data.grace_seconds), by(request))
    log_act("key rotated", _subject(issued.key), head)
    return IssuedKey(_facts(issued.key), issued.text)


@delete(
    "/keys/{key_id:str}",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Revoke a key",
    responses=ADMIN_RESPONSES,
    tags=_TAGS,
)
def revoke_key(key_id: KeyId, callers: NamedDependency[Callers], request: Request[Any, Any, Any]) -> KeyFacts:
    """Revoke a key on all instances, within about a second."""
    key, head = store(callers).revoke(_sound(key_id), by(request))
    if head is not None:
        log_act("key revoked", _subject(key), head)
    return _facts(key)


def store(callers: Callers) -> keys.KeyStore:
    """The store of keys. Raises UnavailableError when this instance has no database."""
    if callers.store is None:
        raise UnavailableError("this instance has no database for keys and the audit log: set CLOSECAST_DATABASE_URL")
    return callers.store


def _sound(identity: str) -> str:
    if not keys.ID.fullmatch(identity):
        raise keys.NoSuchKeyError("there is no key of this id: an id is 12 lower-case letters and digits")
    return identity


def by(request: Request[Any, Any, Any]) -> By:
    """The caller of the request, as the audit log names it."""
    state = request.scope["state"]
    return By(state["caller"].actor, state["request_id"])


def _subject(key: keys.Key) -> str:
    return f"key {key.id}"


def _facts(key: keys.Key) -> KeyFacts:
    return KeyFacts(
        id=key.id,
        name=key.name,
        role=key.role,
        state=key.state(datetime.now(UTC)),
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
