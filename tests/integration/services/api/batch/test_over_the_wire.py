"""Large batches over the wire: whoever sends or reads slowly, leaves, or asks for more in the same breath."""

import json
import math
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import Logged
from tests.integration.services.api.live import live
from tests.integration.services.api.wire import Wire, head
from tests.unit.services.api.batch_rows import CORPUS, as_json
from tests.unit.services.api.conftest import KEY, settings
from tests.waiting import until

ROWS = [{**CORPUS[at % 12], "opportunity_id": f"A{at}"} for at in range(6_000)]
BODY = as_json(ROWS)
SINGLE = b'{"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}'


def _head(length: int, path: str = "/batch", **more: str) -> bytes:
    return head(length, path, **more)


def _probabilities(answer: Any) -> list[float | None]:
    return [one.get("probability") for one in answer["predictions"]]


Workers = Callable[[], list[psutil.Process]]


def _all_workers() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "services.api.batch.worker" in one.cmdline()]


@pytest.fixture(scope="module")
def workers() -> Workers:
    """The batch workers of the service of these tests, which is in this process, as those of other tests may be."""
    others = _all_workers()
    return lambda: [one for one in _all_workers() if one not in others]


@pytest.fixture(scope="module")
def address(cache: Path, workers: Workers) -> Iterator[str]:  # noqa: ARG001 - which looks for others first
    with live(settings(cache)) as url:
        yield url


@pytest.fixture(scope="module")
def expected(address: str) -> list[float | None]:
    """What the deals are answered in small batches."""
    found: list[float | None] = []
    with httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=60, trust_env=False) as client:
        for begin in range(0, len(ROWS), 300):
            body = as_json(ROWS[begin : begin + 300])
            assert len(body) < 40_000
            answer = client.post("/v1/predictions/batch", content=body, headers={"Content-Type": "application/json"})
            found += _probabilities(answer.json())
    return found


@pytest.fixture
def wire(address: str, expected: list[float | None]) -> Wire:  # noqa: ARG001 - so that the worker is there
    return Wire(address)


def _still_works(wire: Wire) -> None:
    wire.send(_head(len(SINGLE), "") + SINGLE)
    assert wire.answer()[0] == 200


def _statuses(logged: Logged) -> list[int]:
    """Of the requests that were logged."""
    return [line["status"] for line in logged() if line["event"] == "request"]


@pytest.mark.parametrize("more", [{}, {"Accept": "text/csv"}, {"Connection": "close"}, {"X_Forwarded_Proto": "https"}])
def test_the_head_is_that_of_small_batches(address: str, wire: Wire, more: dict[str, str]) -> None:
    heads = []
    for body in (as_json(ROWS[:12]), BODY):
        one = Wire(address)
        one.send(_head(len(body), X_Request_ID="the-one", **more) + body)
        status, headers, _ = one.answer()
        heads.append(
            (status, {name: headers[name] for name in headers if name not in ("date", "ratelimit", "content-length")})
        )
    assert heads[0] == heads[1]
    assert heads[1][1]["x-request-id"] == "the-one"
    _still_works(wire)


def test_the_answer_is_that_of_small_batches(wire: Wire, expected: list[float | None]) -> None:
    wire.send(_head(len(BODY)) + BODY)
    status, _, answer = wire.answer()
    assert (status, _probabilities(answer)) == (200, expected)
    _still_works(wire)


def test_the_head_tells_what_the_batch_has_cost(wire: Wire) -> None:
    left, begun = [], time.monotonic()
    for body, path in ((SINGLE, ""), (BODY, "/batch")):
        wire.send(_head(len(body), path) + body)
        headers = wire.answer()[1]
        left.append(int(re.search(r"r=(\d+)", headers["ratelimit"])[1]))  # type: ignore[index]
    quota, window = map(int, re.search(r"q=(\d+);w=(\d+)", headers["ratelimit-policy"]).groups())  # type: ignore[union-attr]
    # Earlier batches have cost, too, and some of that comes back while a busy machine is slow to answer.
    back = math.ceil((time.monotonic() - begun) * quota / window)
    assert left[1] <= left[0] + back - len(ROWS)


def test_what_follows_in_the_same_breath_is_answered_after_it(wire: Wire, expected: list[float | None]) -> None:
    wire.send(_head(len(BODY)) + BODY + _head(len(SINGLE), "") + SINGLE + _head(len(BODY)) + BODY)
    answers = [wire.answer() for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 200]
    assert "probability" in answers[1][2]
    assert [_probabilities(answers[at][2]) for at in (0, 2)] == [expected, expected]


@pytest.mark.parametrize("cut", [70_000, 300_000, len(BODY) - 1])
def test_a_body_that_comes_slowly_holds_up_no_other_batch(
    wire: Wire, address: str, expected: list[float | None], cut: int
) -> None:
    # given one that stops in the middle
    wire.send(_head(len(BODY)) + BODY[:cut])
    _still_works(Wire(address))  # whoever is answered now, was read after it
    # when another comes meanwhile
    other = Wire(address)
    other.send(_head(len(BODY)) + BODY)
    # then both are answered
    assert _probabilities(other.answer()[2]) == expected
    wire.send(BODY[cut:])
    assert _probabilities(wire.answer()[2]) == expected
    _still_works(wire)


def test_an_answer_that_is_read_slowly_holds_up_no_other_batch(address: str, expected: list[float | None]) -> None:
    # given one who reads nothing, and whose system takes little for him
    slow = Wire(address, receive=4_096)
    slow.send(_head(len(BODY)) + BODY)
    time.sleep(1.5)  # noqa: TID251 - the answer fills what his system takes, and nobody can see that
    # when
    other = Wire(address)
    other.send(_head(len(BODY)) + BODY)
    assert _probabilities(other.answer()[2]) == expected
    # then
    assert _probabilities(slow.answer()[2]) == expected
    _still_works(slow)


@pytest.mark.parametrize("cut", [10, 100_000])
def test_a_caller_who_leaves_costs_the_next_one_nothing(
    wire: Wire, address: str, expected: list[float | None], cut: int, logged: Logged, workers: Workers
) -> None:
    before = workers()
    wire.send(_head(len(BODY)) + BODY[:cut])
    _still_works(Wire(address))
    wire.socket.shutdown(socket.SHUT_RDWR)
    wire.socket.close()
    other = Wire(address)
    other.send(_head(len(BODY)) + BODY)
    assert _probabilities(other.answer()[2]) == expected
    assert workers() == before
    _still_works(Wire(address))
    assert 500 not in _statuses(logged)


def test_a_caller_who_leaves_while_waiting_for_others_is_no_failure(
    wire: Wire, address: str, expected: list[float | None], logged: Logged, workers: Workers
) -> None:
    # given a batch that takes its time
    (worker,) = workers()
    os.kill(worker.pid, signal.SIGSTOP)
    wire.send(_head(len(BODY)) + BODY)
    other = Wire(address)
    other.send(_head(len(BODY)) + BODY[:1_000])
    _still_works(Wire(address))
    # when
    other.socket.shutdown(socket.SHUT_RDWR)
    other.socket.close()
    _still_works(Wire(address))
    os.kill(worker.pid, signal.SIGCONT)
    # then
    assert _probabilities(wire.answer()[2]) == expected
    _still_works(wire)
    until(lambda: 400 in _statuses(logged))
    assert 500 not in _statuses(logged)
    assert workers() == [worker]


def test_a_large_body_that_is_refused_leaves_the_connection_usable(wire: Wire) -> None:
    for body, status in ((BODY[:-1] + b"!", 422), (BODY.replace(b"A5999", b"A\xff999"), 422)):
        wire.send(_head(len(body)) + body)
        given, headers, answer = wire.answer()
        assert (given, headers["content-type"]) == (status, "application/problem+json")
        assert answer["request_id"] == headers["x-request-id"]
        assert answer["instance"] == "/v1/predictions/batch"
    _still_works(wire)


def test_a_body_beyond_the_bound_is_refused(wire: Wire) -> None:
    wire.send(_head(10_000_001) + b" " * 10_000_001)
    status, _, answer = wire.answer()
    assert (status, answer["status"]) == (413, 413)


def test_a_batch_is_counted_under_its_route(wire: Wire, address: str) -> None:
    counted = 'closecast_requests_total{method="POST",route="/v1/predictions/batch",status="200"}'

    def count() -> float:
        lines = httpx.get(f"{address}/metrics", trust_env=False).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(counted))

    before = count()
    wire.send(_head(len(BODY)) + BODY)
    assert wire.answer()[0] == 200
    until(lambda: count() > before)
    assert count() == before + 1


def test_who_has_no_key_is_turned_away(wire: Wire) -> None:
    wire.send(_head(len(BODY), X_API_Key="nobody's") + BODY)
    status, headers, _ = wire.answer()
    assert (status, headers["content-type"]) == (401, "application/problem+json")


def test_who_asks_before_sending_is_told_to_go_on(wire: Wire, expected: list[float | None]) -> None:
    wire.send(_head(len(BODY), Expect="100-continue"))
    assert wire.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert wire.file.readline() == b"\r\n"
    wire.send(BODY)
    assert _probabilities(wire.answer()[2]) == expected
    _still_works(wire)


def test_a_body_of_unknown_length_is_answered_too(address: str, expected: list[float | None]) -> None:
    pieces = (BODY[at : at + 100_000] for at in range(0, len(BODY), 100_000))
    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
    answer = httpx.post(f"{address}/v1/predictions/batch", content=pieces, headers=headers, timeout=60, trust_env=False)
    assert _probabilities(answer.json()) == expected


def test_a_worker_that_dies_at_work_is_told(wire: Wire, expected: list[float | None], workers: Workers) -> None:
    # given
    (worker,) = workers()
    os.kill(worker.pid, signal.SIGSTOP)
    wire.send(_head(len(BODY)) + BODY)
    time.sleep(0.3)  # noqa: TID251 - the worker has it by then, and stopped as it is cannot tell
    # when
    worker.kill()
    # then
    status, headers, answer = wire.answer()
    assert (status, headers["retry-after"]) == (503, "2")
    assert "send the batch again" in answer["detail"]
    wire.send(_head(len(BODY)) + BODY)
    assert _probabilities(wire.answer()[2]) == expected


def test_the_last_request_of_a_connection_may_be_a_large_batch(wire: Wire, expected: list[float | None]) -> None:
    wire.send(_head(len(BODY), Connection="close") + BODY)
    _, headers, answer = wire.answer()
    assert headers["connection"] == "close"
    assert _probabilities(answer) == expected
    assert wire.is_closed()


def test_what_is_no_json_at_all_is_a_problem_of_the_caller(wire: Wire) -> None:
    wire.send(_head(200_000) + os.urandom(200_000))
    status, _, answer = wire.answer()
    assert (status, json.dumps(answer) != "null") == (422, True)
