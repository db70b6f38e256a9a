"""`/v1/users`: create, list and change users, for admins. Each act is in the audit log, or is not done."""

from typing import Annotated, Any

from litestar import Request, Response, get, patch, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import Body, Parameter
from msgspec import UNSET

from closecast.platform.callers.passwords import WeakPasswordError
from closecast.platform.callers.users import ANY_NAME, Changed, NoSuchUserError, User, UserStore
from services.api.access.admission import Requires
from services.api.access.callers import Callers
from services.api.problems import InvalidInputError, UnavailableError
from services.api.routes.common import USER_RESPONSES, log_act
from services.api.routes.keys import by
from services.api.schemas.users import ChangedUser, NewUser, UserChange, UserFacts, Users

UserName = Annotated[str, Parameter(description="The user's name, as the list has it", max_length=150, examples=[])]
_TAGS = ["administration"]


@route("/users", http_method=[HttpMethod.OPTIONS], sync_to_thread=False, include_in_schema=False)
def user_options() -> Response[None]:
    """Answer the allowed methods: Litestar's own answer names only those of the first handler."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


@post(
    "/users",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Create a user",
    responses=USER_RESPONSES,
    tags=_TAGS,
)
def create_user(
    data: Annotated[NewUser, Body()], callers: NamedDependency[Callers], request: Request[Any, Any, Any]
) -> ChangedUser:
    """Create a user. A password that is made up is in this answer only."""
    given = None if data.password is UNSET else data.password
    try:
        return _answer("user created", _store(callers).create(data.name, data.role, by(request), given))
    except WeakPasswordError as error:
        raise InvalidInputError("password", None, "a stronger password", str(error)) from error


@get(
    "/users",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="List the users",
    responses=USER_RESPONSES,
    tags=_TAGS,
)
def list_users(callers: NamedDependency[Callers]) -> Users:
    """List all users, including disabled ones."""
    return Users([_facts(user) for user in _store(callers).all()])


@patch(
    "/users/{name:str}",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Change a user",
    responses=USER_RESPONSES,
    tags=_TAGS,
)
def change_user(
    name: UserName,
    data: Annotated[UserChange, Body()],
    callers: NamedDependency[Callers],
    request: Request[Any, Any, Any],
) -> ChangedUser:
    """Give a user another role, disable or enable it, or make up a new password; open sessions know within a second.

    Role and password of who is signed in by the OpenID provider are the provider's: changing them answers 409.
    """
    if not ANY_NAME.fullmatch(name):
        raise NoSuchUserError("there is no user of this name")
    changed = _store(callers).change(
        name,
        by(request),
        role=None if data.role is UNSET else data.role,
        disabled=None if data.disabled is UNSET else data.disabled,
        new_password=data.new_password,
    )
    return _answer("user changed", changed)


def _store(callers: Callers) -> UserStore:
    if callers.users is None:
        raise UnavailableError("this instance has no database for users: set CLOSECAST_DATABASE_URL")
    return callers.users


def _answer(act: str, changed: Changed) -> ChangedUser:
    if changed.head is not None:
        log_act(act, f"user {changed.user.name}", changed.head)
    return ChangedUser(_facts(changed.user), changed.password)


def _facts(user: User) -> UserFacts:
    return UserFacts(user.name, user.role, user.state, user.created_by, user.created_at, user.password_changed_at)
