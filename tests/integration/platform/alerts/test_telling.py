"""When alerts are told of: for how long, grouping, repeats, silences, recovery; and their delivery."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.delivering import delay, deliver_next, drop_for_other_sinks, waiting
from closecast.platform.alerts.message import Message
from closecast.platform.alerts.outbox import Connection, fire, resolve
from closecast.platform.alerts.planning import KEPT, Route, forget_old, plan
from closecast.platform.alerts.rules import Rule
from closecast.platform.alerts.silences import end_silence, silence, silences
from closecast.platform.alerts.sinks.sink import SinkError
from closecast.platform.database import connect

pytestmark = pytest.mark.integration

RULES = {
    "harm": Rule(
        source="flow",
        severity="page",
        summary="-",
        description="-",
        runbook="docs/runbooks.md#harm",
        lasting="10m",
        group="5m",
        repeat="4h",
    )
}
EVERY = [Route("mail", frozenset({"page", "note"}))]
MINUTE = timedelta(minutes=1)


def harm(key: str = "model 7", **labels: str) -> Alert:
    return Alert("harm", key, "page", f"{key} does harm", labels=labels)


def after(minutes: float) -> datetime:
    return datetime.now(UTC) + minutes * MINUTE


def told(connection: Connection, minutes: float, routes: list[Route] = EVERY) -> list[tuple[str, list[str]]]:
    found = plan(connection, RULES, routes, after(minutes))
    return [(one.kind, [item.key for item in one.alerts]) for one in found]


class Mailbox:
    """A sink that keeps what it gets, and fails as long as it is down."""

    def __init__(self, name: str = "mail") -> None:
        self.name = name
        self.got: list[Message] = []
        self.down = False

    def send(self, message: Message) -> None:
        if self.down:
            raise SinkError("nobody is here")
        self.got.append(message)


def test_an_alert_is_told_of_once_it_has_lasted_and_others_had_time_to_join(connection: Connection) -> None:
    fire(connection, harm())
    assert told(connection, 9) == []
    assert told(connection, 14) == []
    assert told(connection, 15.1) == [("firing", ["model 7"])]
    assert told(connection, 16) == []


def test_an_alert_that_ends_before_it_has_lasted_is_not_told_of(connection: Connection) -> None:
    fire(connection, harm())
    resolve(connection, "harm", "model 7")
    assert told(connection, 60) == []


def test_alerts_of_one_rule_within_some_minutes_are_one_message(connection: Connection) -> None:
    for number in range(30):
        fire(connection, harm(f"model {number}"))
    [message] = plan(connection, RULES, EVERY, after(20))
    assert (len(message.alerts), message.more) == (20, 10)
    fire(connection, harm("model 77"))
    assert told(connection, 21) == [("firing", ["model 77"])]


def test_it_is_told_of_again_while_it_is_open(connection: Connection) -> None:
    fire(connection, harm())
    assert told(connection, 20) == [("firing", ["model 7"])]
    assert told(connection, 20 + 239) == []
    assert told(connection, 20 + 241) == [("reminder", ["model 7"])]
    assert told(connection, 20 + 242) == []


def test_its_end_is_told_of_once(connection: Connection) -> None:
    fire(connection, harm())
    told(connection, 20)
    resolve(connection, "harm", "model 7")
    assert told(connection, 4) == []
    assert told(connection, 26) == [("resolved", ["model 7"])]
    assert told(connection, 27) == []


def test_firing_again_is_not_told_of_again(connection: Connection) -> None:
    fire(connection, harm())
    told(connection, 20)
    fire(connection, harm())
    assert told(connection, 60) == []


def test_a_rule_that_is_in_no_file_is_told_of_at_once(connection: Connection) -> None:
    fire(connection, Alert("unheard_of", "key", "page", "Something new"))
    [message] = plan(connection, RULES, EVERY, after(0.1))
    assert (message.severity, message.runbook) == ("page", "docs/alerts.md#alerts")


def test_a_silenced_alert_is_told_of_when_the_silence_is_over(connection: Connection) -> None:
    fire(connection, harm(region="eu"))
    silence(connection, rule="harm", labels={"region": "eu"}, until=after(60), who="Ada", why="planned")
    silence(connection, rule="other", labels={}, until=after(600), who="Ada", why="another rule")
    silence(connection, rule=None, labels={"region": "us"}, until=after(600), who="Ada", why="another label")
    assert told(connection, 59) == []
    assert told(connection, 61) == [("firing", ["model 7"])]


def test_a_silence_can_be_ended(connection: Connection) -> None:
    fire(connection, harm())
    number = silence(connection, rule=None, labels={"key": "model 7"}, until=after(600), who="Ada", why="planned")
    assert told(connection, 20) == []
    assert end_silence(connection, number)
    assert not end_silence(connection, number)
    assert told(connection, 21) == [("firing", ["model 7"])]


def test_the_end_of_what_was_told_of_is_told_of_in_spite_of_a_silence(connection: Connection) -> None:
    fire(connection, harm())
    told(connection, 20)
    silence(connection, rule="harm", labels={}, until=after(600), who="Ada", why="planned")
    assert told(connection, 300) == []
    resolve(connection, "harm", "model 7")
    assert told(connection, 301) == [("resolved", ["model 7"])]


@pytest.mark.parametrize(
    ("rule", "who", "why"), [(None, "Ada", "planned"), ("harm", " ", "planned"), ("harm", "Ada", "")]
)
def test_a_silence_says_what_who_and_why(connection: Connection, rule: str | None, who: str, why: str) -> None:
    with pytest.raises(ValueError, match="silence"):
        silence(connection, rule=rule, labels={}, until=after(1), who=who, why=why)
    assert silences(connection, after(0)) == []


def test_each_sink_gets_the_severities_it_wants(connection: Connection) -> None:
    fire(connection, harm())
    told(connection, 20, [Route("mail", frozenset({"page"})), Route("chat", frozenset({"note"}))])
    assert set(waiting(connection)) == {"mail"}


def test_a_sink_that_is_down_delays_and_loses_nothing(connection: Connection) -> None:
    # given
    mailbox, now = Mailbox(), after(20)
    mailbox.down = True
    fire(connection, harm())
    plan(connection, RULES, EVERY, now)
    # when: each attempt is later than the one before
    waits = []
    for _ in range(12):
        attempt = deliver_next(connection, mailbox, now)
        assert attempt is not None
        assert attempt.problem == "nobody is here"
        assert deliver_next(connection, mailbox, now) is None
        waits.append(delay(attempt.attempts))
        now += waits[-1]
    # then
    assert waits[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert waits[-1] == timedelta(minutes=15)
    assert waiting(connection)["mail"].count == 1
    mailbox.down = False
    attempt = deliver_next(connection, mailbox, now)
    assert attempt is not None
    assert attempt.problem is None
    assert [one.kind for one in mailbox.got] == ["firing"]
    assert waiting(connection) == {}


def test_an_end_waits_for_its_beginning_and_other_alerts_do_not(connection: Connection) -> None:
    # given
    mailbox, now = Mailbox(), after(20)
    fire(connection, harm())
    plan(connection, RULES, EVERY, now)
    mailbox.down = True
    deliver_next(connection, mailbox, now)
    mailbox.down = False
    resolve(connection, "harm", "model 7")
    fire(connection, Alert("unheard_of", "key", "note", "Something else"))
    plan(connection, RULES, EVERY, now + timedelta(seconds=1))
    # when
    deliver_next(connection, mailbox, now + timedelta(seconds=1))
    assert deliver_next(connection, mailbox, now + timedelta(seconds=1)) is None
    while deliver_next(connection, mailbox, now + MINUTE) is not None:
        pass
    # then
    assert [(one.rule, one.kind) for one in mailbox.got] == [
        ("unheard_of", "firing"),
        ("harm", "firing"),
        ("harm", "resolved"),
    ]


def test_two_at_once_deliver_each_message_once(connection: Connection, database_url: str) -> None:
    # given
    for number in range(40):
        fire(connection, Alert(f"rule_{number}", "key", "note", "Something"))
    now = after(1)
    plan(connection, {}, EVERY, now)
    mailbox, begin = Mailbox(), threading.Barrier(4)

    def deliver() -> None:
        with connect(database_url) as mine:
            begin.wait()
            while waiting(mine):
                deliver_next(mine, mailbox, now)

    # when
    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert len(mailbox.got) == len({one.id for one in mailbox.got}) == 40


def test_two_at_once_plan_each_message_once(connection: Connection, database_url: str) -> None:
    # given
    for number in range(20):
        fire(connection, Alert(f"rule_{number}", "key", "note", "Something"))
    now, begin = after(1), threading.Barrier(4)
    made: list[Message] = []

    def planning() -> None:
        with connect(database_url) as mine:
            begin.wait()
            made.extend(plan(mine, {}, EVERY, now))

    # when
    threads = [threading.Thread(target=planning) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert len({one.rule for one in made}) == len(made) == 20
    assert waiting(connection)["mail"].count == 20


def test_messages_for_a_sink_that_is_gone_are_dropped(connection: Connection) -> None:
    fire(connection, harm())
    told(connection, 20)
    assert drop_for_other_sinks(connection, ["mail"]) == 0
    assert drop_for_other_sinks(connection, ["chat"]) == 1


def test_what_is_over_is_forgotten_after_some_time_and_what_is_open_is_not(connection: Connection) -> None:
    # given
    fire(connection, harm("open"))
    fire(connection, harm("over"))
    told(connection, 20)
    resolve(connection, "harm", "over")
    told(connection, 30)
    mailbox = Mailbox()
    while deliver_next(connection, mailbox, after(31)):
        pass
    # when
    assert forget_old(connection, after(0) + KEPT - MINUTE) == 0
    assert forget_old(connection, after(60) + KEPT) == 3
    # then
    assert connection.execute("SELECT key FROM alerts").fetchall() == [("open",)]
