"""The command `forget <value>…`: replace names and identifiers by pseudonyms wherever they are stored, and prove it."""

import getpass
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ops import paths
from ops.cli.arguments import Arguments, one_of
from ops.cli.progress import say
from ops.down import flush
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import Session, connect
from ops.prefect.pipeline import Prefect
from ops.setup.credentials import ARTIFACTS_BUCKET, LAKE_BUCKET, REGION, Credentials

if TYPE_CHECKING:
    from closecast.platform.forget.objects import Objects
    from closecast.platform.forget.room import Room
    from closecast.platform.forget.run import Line
    from closecast.platform.lake.store import Lake

_CONSOLE = Console(soft_wrap=True)
_ACT = "personal data forgotten"
_UNDER_WAY = ("RUNNING", "PENDING", "CANCELLING", "PAUSED")
_LOOK_AGAIN = "run it again; what is left after that, `docs/personal-data.md` says what to do about"


@dataclass(frozen=True)
class Addresses:
    """Where the platform's stores are."""

    mlflow: str
    prefect: str
    postgres: str  # postgresql://host:port
    cache: str  # redis://host:port
    object_store: str

    @classmethod
    def of(cls, session: Session) -> "Addresses":
        """Raises OperatorError naming a service that does not run."""
        names = ("mlflow", "prefect", "postgres", "cache", "localstack")
        return cls(*(jobs.address(session.cluster, name) for name in names))


def forget(arguments: list[str]) -> int:
    """Replace names of agents and accounts, and identifiers of deals, wherever they are stored; exit status 1 if any is left."""
    wanted = Arguments("forget", forget.__doc__).place(
        "value", "an agent's or account's name or a deal's identifier, exactly as the export has it", "+"
    )
    wanted.option("kind", one_of("id", "account", "agent"), "what the values are, where the data do not say")
    given = wanted.flag("dry-run", "only count").given(arguments)
    # Imported here: the libraries take seconds, which no other command should wait for.
    from closecast.deals.pseudonyms import Pseudonymiser
    from closecast.platform.forget import forgotten
    from closecast.platform.forget import wanted as chosen
    from closecast.platform.forget.matcher import Matcher
    from closecast.platform.forget.room import ForgetError
    from closecast.platform.forget.run import forget as replace
    from closecast.platform.forget.run import lines, search
    from closecast.platform.lake.store import LakeError
    from closecast.platform.mlflow.http import RegistryError
    from closecast.platform.mlflow.promotions import hold_promotion_lock

    session = connect()
    keys, addresses = session.credentials, Addresses.of(session)
    lake, objects, rooms, notes = stores(session, addresses)
    try:
        known = objects.names(chosen.NAMED)
        columns = chosen.columns_of(given.value, given.kind, known)
        by = Pseudonymiser(keys.pseudonym_key, forgotten.read(lake))
        pseudonyms = chosen.pseudonyms(columns, by)
        matcher = Matcher(chosen.everything(pseudonyms, columns, by), frozenset().union(*known.values()))
        if given.dry_run:
            show(lines(search(rooms, matcher), Counter(), Counter()), dry_run=True)
            return 0
        require_quiet(Prefect(addresses.prefect))
        lock = f"{_with_login(addresses.postgres, 'promoter', keys.promoter_database_password)}/closecast"
        with hold_promotion_lock(lock, "just forget"):
            # First, so that an export that is read meanwhile brings no name back.
            forgotten.add(lake, {by.digest(value): pseudonym for value, pseudonym in pseudonyms.items()})
            found = replace(rooms, matcher, say)
    except (ForgetError, LakeError, RegistryError) as error:
        raise OperatorError(str(error), "correct what it names and run it again: what is done stays done") from error
    _log(addresses, keys, Counter(columns.values()), found)
    show(found)
    for note in notes:
        print(f"note: {note}")
    left = sum(one.left for one in found)
    if left:
        raise OperatorError(
            f"{left} places still hold what is to be forgotten: "
            + ", ".join(f"{one.place} ({one.left})" for one in found if one.left),
            _LOOK_AGAIN,
        )
    print("\na search of all places finds none of the values any more")
    return 0


def stores(session: Session, addresses: Addresses) -> "tuple[Lake, Objects, list[Room], list[str]]":
    """The lake, the object store's room, all rooms in the order in which they are cleared, and the notes on models."""
    from closecast.platform.forget.cache import Cache
    from closecast.platform.forget.database import Database
    from closecast.platform.forget.folders import Folders
    from closecast.platform.forget.models import Models
    from closecast.platform.forget.objects import Objects
    from closecast.platform.lake.store import Lake
    from closecast.platform.mlflow.registry import ModelRegistry
    from closecast.platform.settings import LakeSettings
    from closecast.platform.signatures import Signer, TrustedKeys

    keys = session.credentials
    trusted = TrustedKeys.from_text(keys.model_public_keys())
    registry = ModelRegistry(addresses.mlflow, trusted, keys.mlflow_login)
    models = Models(registry.run_tags, Signer.from_text(keys.model_signing_key), trusted)
    settings = LakeSettings(
        LAKE_BUCKET, REGION, addresses.object_store, keys.object_store_access_key, keys.object_store_secret_key
    )
    objects = Objects(settings, (LAKE_BUCKET, ARTIFACTS_BUCKET), models.remade)
    passwords = {
        "closecast": keys.closecast_database_password,
        "mlflow": keys.mlflow_database_password,
        "prefect": keys.prefect_database_password,
        "optuna": keys.optuna_database_password,
    }
    databases = [
        Database(f"{_with_login(addresses.postgres, name, password)}/{name}") for name, password in passwords.items()
    ]
    cache = Cache(f"{addresses.cache.replace('redis://', f'redis://:{keys.cache_password}@')}/0")
    folders = Folders(paths.state(), lambda: flush(session.cluster))
    # What waits in the cache goes to the database, and what objects are renamed to is said there.
    return Lake(settings), objects, [cache, objects, *databases, folders], models.notes


def show(found: "list[Line]", *, dry_run: bool = False) -> None:
    """Print a table of places; those where nothing was found are one line."""
    table = Table("place", "found", *([] if dry_run else ["replaced", "left"]), box=None, pad_edge=False)
    empty = 0
    for one in found:
        if one.found or one.replaced or one.left:
            cells = (one.found,) if dry_run else (one.found, one.replaced, one.left)
            table.add_row(one.place, *map(str, cells))
        else:
            empty += 1
    _CONSOLE.print(table)
    print(f"{empty} other places were searched and hold none")


def _with_login(address: str, role: str, password: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{role}:{password}@{rest}"


def require_quiet(prefect: Prefect) -> None:
    """Raise OperatorError while a flow run is under way: it has the names in memory and would store them again."""
    query = {"flow_runs": {"state": {"type": {"any_": list(_UNDER_WAY)}}}, "limit": 1}
    if runs := prefect.call("POST", "/flow_runs/filter", query):
        raise OperatorError(
            f"the flow run {runs[0]['name']} is under way and holds names in memory",
            "wait for its end (`just prefect-status`), pause schedules (`just prefect-pause`), and run it again",
        )


def _log(addresses: Addresses, keys: Credentials, kinds: Mapping[str, int], found: "list[Line]") -> None:
    """Write the act into the audit log: who, what kinds and how many places, and none of the values."""
    from closecast.platform import database
    from closecast.platform.callers import audit

    url = f"{_with_login(addresses.postgres, 'closecast', keys.closecast_database_password)}/closecast"
    details: dict[str, Any] = {
        "kinds": dict(kinds),
        "places": {
            one.place: {"replaced": one.replaced, "left": one.left} for one in found if one.replaced or one.left
        },
    }
    subject = ", ".join(f"{number} x {kind}" for kind, number in sorted(kinds.items()))
    with database.connect(url) as connection, connection.transaction():
        audit.append(connection, f"operator {getpass.getuser()}", _ACT, subject, details)


__all__ = ["Addresses", "forget", "require_quiet", "show", "stores"]
