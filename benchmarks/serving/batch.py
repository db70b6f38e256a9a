"""Batches of 10,000 deals in one request compared with scoring in process, and their effect on single predictions."""

import http.client
import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pandas as pd

from benchmarks.serving import openloop, stack, subject
from benchmarks.serving.context import Context, spread
from benchmarks.serving.model import BATCH, RAW, Subject, matrix
from benchmarks.serving.subject import HEADERS, Instance

SHARES, STALL = {"JSON": 0.45, "CSV": 0.45, "Parquet": 0.6}, 2.0
FORMATS = {"JSON": "application/json", "CSV": "text/csv", "Parquet": "application/vnd.apache.parquet"}
_SINGLES = 500.0
_ASKED = 5  # batches of a format a round, whose median counts: one of 20 ms says more of the machine than of the server
_TIMEOUT = 60.0


def contents(model: Subject) -> dict[str, bytes]:
    """The bodies: 10,000 deals in each format."""
    frame = pd.DataFrame(model.deals, columns=list(RAW))
    parquet = io.BytesIO()
    frame.to_parquet(parquet, index=False)
    deals = [{name: value for name, value in deal.items() if value} for deal in model.deals]
    return {
        "JSON": msgspec.json.encode({"deals": deals, "horizon": "quarter_end"}),
        "CSV": frame.to_csv(index=False).encode(),
        "Parquet": parquet.getvalue(),
    }


def in_process(model: Subject, core: int) -> float:
    """Deals per second from a frame of raw deals in memory to probabilities, on one thread of `core`.

    That of the server: the cores of a shared machine keep no common pace.
    """
    frame = pd.DataFrame(model.deals, columns=list(RAW))
    frame["engage_date"] = pd.to_datetime(frame["engage_date"])
    frame["account"] = frame["account"].replace("", None)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        begin = time.perf_counter()
        model.model.scorer.predict(matrix(model.model, frame))
        return BATCH / (time.perf_counter() - begin)
    finally:
        os.sched_setaffinity(0, before)


def run(context: Context) -> dict[str, Any]:
    """By format: deals per second and the share of in-process speed; p99 of singles at 500/s alone and during batches."""
    room = context.room("batch")
    stack.promote(context.stack, context.own.folder)
    bodies = contents(context.own)
    rates: dict[str, list[float]] = {name: [] for name in bodies}
    shares: dict[str, list[float]] = {name: [] for name in bodies}
    refused: dict[str, int] = {}
    alone: list[float] = []
    beside: dict[str, list[float]] = {name: [] for name in bodies}
    bare: list[float] = []
    in_process(context.own, context.server_core)
    with subject.running(context.own, room / "api", context.stack.environment, [context.server_core]) as instance:
        for name in bodies:
            status = _ask(instance, bodies[name], FORMATS[name])[1]
            if status != 200:
                refused[name] = status
        accepted = [name for name in bodies if name not in refused]
        # Once without measuring, so that all other servers have allocated the memory and disk for many batches in a row.
        with _batches(instance, bodies["CSV"], FORMATS["CSV"]):
            _singles(context, instance)
        for _ in range(context.rounds):
            for name in accepted:
                within, asked = [], []
                for _ in range(_ASKED):
                    # Ten thousand deals are answered faster than recorded: the next batch must not wait for that.
                    stack.settle(context.stack, instance.process)
                    within.append(in_process(context.own, context.server_core))
                    asked.append(BATCH / _ask(instance, bodies[name], FORMATS[name])[0])
                bare.append(median(within))
                rates[name].append(median(asked))
                shares[name].append(median(rate / own for rate, own in zip(asked, within, strict=True)))
            stack.settle(context.stack, instance.process)
            alone.append(_singles(context, instance))
            for name in accepted:
                stack.settle(context.stack, instance.process)
                with _batches(instance, bodies[name], FORMATS[name]):
                    beside[name].append(_singles(context, instance))
    stalls = {name: [during / quiet for during, quiet in zip(beside[name], alone, strict=True)] for name in accepted}
    for name in accepted:
        print(f"batch {name}: {max(rates[name]):,.0f} deals/s, p99 of singles x {max(stalls[name]):.1f}", flush=True)
    return {
        "in_process": spread(bare),
        "formats": {
            name: {
                "rate": spread(rates[name]),
                "share": {**spread(shares[name]), "target": SHARES[name]},
                "p99": spread(beside[name]),
                "stall": {**spread(stalls[name]), "target": STALL},
            }
            for name in accepted
        },
        "p99_alone": spread(alone),
        "refused": refused,
    }


def _ask(instance: Instance, body: bytes, media: str) -> tuple[float, int]:
    """Seconds until the whole answer arrived, and its status, with a client that does little work of its own."""
    url = urlsplit(instance.base)
    with closing(http.client.HTTPConnection(url.netloc, timeout=_TIMEOUT)) as client:
        client.connect()
        begin = time.perf_counter()
        client.request("POST", "/v1/predictions/batch", body, {**HEADERS, "Content-Type": media})
        answer = client.getresponse()
        answer.read()
        return time.perf_counter() - begin, answer.status


def _singles(context: Context, instance: Instance) -> float:
    return openloop.steady(instance.target, _SINGLES, context.seconds, context.load, context.room("singles")).p99


@contextmanager
def _batches(instance: Instance, body: bytes, media: str) -> Iterator[None]:
    """Send batches without a pause until the block ends."""
    stop = threading.Event()
    failures: list[int] = []

    def go_on() -> None:
        while not stop.is_set():
            status = _ask(instance, body, media)[1]
            if status != 200:
                failures.append(status)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_TIMEOUT)
    if failures:
        raise RuntimeError(f"batches were refused with {sorted(set(failures))} while single predictions ran")
