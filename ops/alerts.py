"""The commands `alerts`, `alert-silence`, `alert-resolve`, `alert-sinks` and `alert-test`."""

import getpass
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from closecast.cli.arguments import number
from closecast.cli.cells import cell
from closecast.cli.files import named_by_user
from ops.cli.arguments import Arguments, nothing, seconds
from ops.cli.yaml_file import read_yaml
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import Session, connect
from ops.setup.credentials import Credentials

if TYPE_CHECKING:
    import psycopg

_CONSOLE = Console(soft_wrap=True)
_TEST, _TEST_SECONDS = "test", 60.0


def alerts(arguments: list[str]) -> int:
    """List open alerts, silences, and messages that wait; exit status 1 while a page is open."""
    nothing("alerts", alerts.__doc__, arguments)
    from closecast.platform.alerts.delivering import waiting
    from closecast.platform.alerts.outbox import open_alerts
    from closecast.platform.alerts.silences import silences

    now = datetime.now(UTC)
    with _database(connect()) as connection:
        found, quiet, kept = open_alerts(connection), silences(connection, now), waiting(connection)
    table = Table("severity", "rule", "about", "since", "summary", box=None, pad_edge=False)
    for one in found:
        table.add_row(*map(cell, (one.severity, one.rule, one.key, _minute(one.opened_at), one.summary)))
    _CONSOLE.print(table if found else "no alert is open")
    for silence in quiet:
        what = ", ".join([silence.rule or "every rule", *(f"{name}={value}" for name, value in silence.labels.items())])
        print(
            f"silence {silence.id}: {cell(what)} until {_minute(silence.until)}: {cell(silence.who)}, {cell(silence.why)}"
        )
    for sink, messages in kept.items():
        since = f" since {_minute(messages.oldest)}" if messages.oldest else ""
        print(f"{messages.count} messages wait for the sink {sink}{since}; `just logs alerts` says why")
    return 1 if any(one.severity == "page" for one in found) else 0


def silence(arguments: list[str]) -> int:
    """Silence the alerts of a rule, or with a label, for some time; --end <number> ends a silence."""
    given = (
        Arguments("alert-silence", silence.__doc__)
        .place("rule", "a rule, as `just alerts` lists it; none: every rule, by --label", "?")
        .option("label", str, "name=value that the alerts have; key=… is what they are about", value="name:value")
        .option("for", seconds, "how long: 90d, 12h, 30m (default: 4h)", default=4 * 3600, value="time")
        .option("why", str, "the reason, for the others", value="text")
        .option("end", number(1, 999_999_999), "the number of a silence to end", value="number")
        .given(arguments)
    )
    from closecast.platform.alerts import silences

    with _database(connect()) as connection:
        if given.end is not None:
            if not silences.end_silence(connection, given.end):
                raise OperatorError(f"no silence {given.end} is in force", "`just alerts` lists them")
            print(f"silence {given.end} has ended")
            return 0
        until = datetime.now(UTC) + timedelta(seconds=vars(given)["for"])
        try:
            made = silences.silence(
                connection,
                rule=given.rule,
                labels=_labels(given.label),
                until=until,
                who=getpass.getuser(),
                why=given.why or "",
            )
        except ValueError as error:
            raise OperatorError(str(error), "just alert-silence <rule> --for 4h --why <text>") from error
    print(f"silence {made} until {_minute(until)}; `just alert-silence --end {made}` ends it")
    return 0


def resolve(arguments: list[str]) -> int:
    """Close an open alert by hand; whoever fired it opens it again if it is still so."""
    given = (
        Arguments("alert-resolve", resolve.__doc__)
        .place("rule", "its rule, as `just alerts` lists it")
        .option("key", str, "what it is about (default: all of the rule)", value="text")
        .given(arguments)
    )
    from closecast.platform.alerts import outbox

    with _database(connect()) as connection:
        keys = [one.key for one in outbox.open_alerts(connection) if one.rule == given.rule]
        wanted = [key for key in keys if given.key in (None, key)]
        if not wanted:
            raise OperatorError(f"no such alert of {given.rule} is open", "`just alerts` lists them")
        for key in wanted:
            outbox.resolve(connection, given.rule, key)
    print(f"closed: {', '.join(wanted)}")
    return 0


def sinks(arguments: list[str]) -> int:
    """Show where messages go, without secrets; with a YAML file, have them go where it says."""
    given = (
        Arguments("alert-sinks", sinks.__doc__)
        .place("file", "a list of sinks, as docs/alerts.md describes it", "?")
        .given(arguments)
    )
    from closecast.platform.alerts.sinks.settings import SinksError, parse

    if given.file is None:
        kept = parse(Credentials.load().alert_sinks)
    else:
        file, remedy = named_by_user(given.file), "correct it; docs/alerts.md has examples"
        try:
            text = json.dumps(read_yaml(file, remedy))
            kept = parse(text)
        except (SinksError, TypeError) as error:
            raise OperatorError(f"{file}: {error}", remedy) from error
        session = connect().managing()
        credentials = replace(session.credentials, alert_sinks=text)
        credentials.save()
        session.cluster.put_variable("nomad/jobs/alerts", credentials.variables()["alerts"])
        print("the service alerts restarts with:")
    for one in kept:
        print(f"{one.name}: {one.__struct_config__.tag}, {' and '.join(f'{severity}s' for severity in one.severities)}")
    if not kept:
        print("no sink: alerts are shown in the user interface and by `just alerts` only")
    return 0


def try_out(arguments: list[str]) -> int:
    """Send a test message to every sink, and say whether each took it."""
    nothing("alert-test", try_out.__doc__, arguments)
    from closecast.platform.alerts.alert import Alert
    from closecast.platform.alerts.outbox import fire
    from closecast.platform.alerts.outbox import resolve as close

    session = connect()
    with _database(session) as connection:
        fire(connection, Alert(_TEST, "all", "page", f"A test by {getpass.getuser()}", "Nothing is wrong."))
        try:
            found = _delivered(connection)
        finally:
            close(connection, _TEST, "all")
    failed = False
    for sink, delivered, problem in found:
        failed |= not delivered
        print(f"{sink}: {'delivered' if delivered else problem or 'not tried yet'}")
    return 1 if failed else 0


def _delivered(connection: "psycopg.Connection[Any]") -> list[tuple[str, bool, str | None]]:
    """Sink, whether it took the newest test, and the problem: once all were tried, or the time is over."""
    deadline = time.monotonic() + _TEST_SECONDS
    query = """
        SELECT sink, delivered_at IS NOT NULL, problem, attempts FROM alert_deliveries
        WHERE alerts && ARRAY(SELECT id FROM alerts WHERE rule = %s AND closed_at IS NULL) ORDER BY sink
    """
    while True:
        told = connection.execute(
            "SELECT told_at FROM alerts WHERE rule = %s AND closed_at IS NULL", [_TEST]
        ).fetchone()
        found = connection.execute(query, [_TEST]).fetchall()
        is_told = told is not None and told[0] is not None
        if is_told and all(attempts for *_, attempts in found):
            return [(sink, delivered, problem) for sink, delivered, problem, _ in found]
        if time.monotonic() > deadline:
            if not is_told:
                raise OperatorError("the service alerts does nothing", "see `just logs alerts`")
            return [(sink, delivered, problem) for sink, delivered, problem, _ in found]
        time.sleep(0.5)


def _labels(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    name, equals, value = text.partition("=")
    if not equals:
        raise OperatorError(f"{text!r} is no label", "write --label name=value")
    return {name: value}


@contextmanager
def _database(session: Session) -> Iterator["psycopg.Connection[Any]"]:
    import psycopg

    from closecast.platform.database import connect as connected

    address = jobs.address(session.cluster, "postgres").removeprefix("postgresql://")
    password = session.credentials.closecast_database_password
    try:
        with connected(f"postgresql://closecast:{password}@{address}/closecast") as connection:
            yield connection
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise OperatorError(f"the database does not answer as it should: {reason}", "see `just status`") from error


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
