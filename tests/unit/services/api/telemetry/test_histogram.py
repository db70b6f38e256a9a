"""Histograms counted in bulk say what Prometheus's own say, whatever is read when."""

import threading

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from services.api.telemetry.histogram import HistogramFamily

BOUNDS = (0.125, 0.25, 1.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(["200", "422"]),
            st.sampled_from([0.0, 0.125, 0.1875, 0.25, 1.0, 7.0]),
        ),
        max_size=60,
    )
)
def test_the_text_is_prometheuss_own(seen: list[tuple[str, str, float]]) -> None:
    # given
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    family = HistogramFamily("seconds", "Time.", ["route", "status"], BOUNDS, ("requests", "Answered."))
    ours.register(family)
    seconds = Histogram("seconds", "Time.", ["route"], buckets=BOUNDS, registry=theirs)
    requests = Counter("requests", "Answered.", ["route", "status"], registry=theirs)
    # when
    for route, status, value in seen:
        family.of(route, status).observe(value)
        seconds.labels(route).observe(value)
        requests.labels(route, status).inc()
    # then but for the times at which they were made, and the order of labels
    assert _lines(ours) == _lines(theirs)


def _lines(registry: CollectorRegistry) -> set[str]:
    return {line for line in generate_latest(registry).decode().splitlines() if "_created" not in line}


def test_threads_lose_nothing_while_somebody_reads() -> None:
    # given
    histogram = HistogramFamily("seconds", "Time.", ["route"], BOUNDS).of("a")

    def observe() -> None:
        for _ in range(20_000):
            histogram.observe(0.25)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    # when
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        histogram.counted()
    # then
    counts, total = histogram.counted()
    assert counts.tolist() == [0, 80_000, 0, 0]
    assert total == 20_000
