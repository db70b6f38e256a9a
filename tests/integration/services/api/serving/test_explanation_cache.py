"""Explanations beside a real Valkey: kept by model and features, bounded, checked, and done without when it is gone."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from closecast.models.deal_model import DealModel
from closecast.platform.mlflow.registry import Identity, Served
from closecast.platform.nomad.discovery import wait_for
from closecast.scoring.question import Question
from services.api.schemas.predictions import Deal
from services.api.serving import explanation_cache
from services.api.serving.explanation_cache import ExplanationCache
from services.api.serving.explanations import Explainer
from services.api.serving.pseudonyms import Pseudonyms
from tests.conftest import Logged
from tests.servers.processes import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration
NO_PSEUDONYMS = Pseudonyms(None, Path("nowhere"))
DEAL = Deal(engage_date="2017-10-20", sales_agent="Ada Berg", product="GTX Pro", account="Oak Foods")


@pytest.fixture
def cache(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExplanationCache]:
    # On a busy machine an answer takes longer than computing anew would.
    monkeypatch.setattr(explanation_cache, "TIMEOUT", 10.0)
    redis.Redis.from_url(valkey_url).flushdb()
    made = ExplanationCache(lambda: valkey_url, pause=0.2)
    yield made
    made.close()


def _served(model: DealModel, folder: str = "closecast-7-run") -> Served:
    return Served(Identity("7", "run-7", "0" * 64), model, Path(folder))


def _question(model: DealModel) -> Question:
    return Question.ask(model, None, 30)


def test_the_second_asking_is_answered_from_the_cache_to_the_bit(
    cache: ExplanationCache, served_model: DealModel
) -> None:
    # given
    explainer, question = Explainer(cache, NO_PSEUDONYMS), _question(served_model)
    # when
    first, second = (explainer.explain(_served(served_model), DEAL, question) for _ in range(2))
    # then
    assert (cache.hits, cache.misses, cache.failures) == (1, 1, 0)
    assert first[1] == second[1]
    assert first[0].points.tobytes() == second[0].points.tobytes()
    assert (first[0].base, first[0].probability) == (second[0].base, second[0].probability)


def test_another_model_horizon_or_deal_is_another_explanation(cache: ExplanationCache, served_model: DealModel) -> None:
    # given
    explainer, question = Explainer(cache, NO_PSEUDONYMS), _question(served_model)
    explainer.explain(_served(served_model), DEAL, question)
    # when
    explainer.explain(_served(served_model, "closecast-7-another-run"), DEAL, question)
    explainer.explain(_served(served_model), DEAL, Question.ask(served_model, None, 31))
    explainer.explain(_served(served_model), Deal(engage_date="2017-10-21"), question)
    # then
    assert (cache.hits, cache.misses) == (0, 4)


def test_places_are_bounded_and_a_later_explanation_takes_an_earlier_ones(
    cache: ExplanationCache, served_model: DealModel, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given room for three
    monkeypatch.setattr(explanation_cache, "PLACES", 3)
    explainer, question = Explainer(cache, NO_PSEUDONYMS), _question(served_model)
    deals = [Deal(engage_date=f"2017-10-{day:02}") for day in range(1, 21)]
    # when
    told = [explainer.explain(_served(served_model), deal, question) for deal in (*deals, *deals)]
    # then: what was written over is computed again, and never taken for another's
    store = redis.Redis.from_url(valkey_url)
    places = list(store.scan_iter("closecast:explanation:*"))
    assert len(places) == 3
    assert all(0 < store.ttl(place) <= 24 * 3600 for place in places)
    for first, second in zip(told[:20], told[20:], strict=True):
        assert first[1] == second[1]


def test_what_was_tampered_with_is_not_told(
    cache: ExplanationCache, served_model: DealModel, valkey_url: str, logged: Logged
) -> None:
    # given
    explainer, question = Explainer(cache, NO_PSEUDONYMS), _question(served_model)
    right = explainer.explain(_served(served_model), DEAL, question)
    store = redis.Redis.from_url(valkey_url)
    (key,) = store.scan_iter("closecast:explanation:*")
    content = store.get(key)
    assert isinstance(content, bytes)
    # when one number is changed, and when the entry is cut short
    for damaged in (content[:-8] + b"\0" * 7 + b"\x40", content[:40]):
        store.set(key, damaged)
        again = explainer.explain(_served(served_model), DEAL, question)
        # then
        assert again[1] == right[1]
        assert store.get(key) == content
    assert "is replaced" in str(logged())


@contextmanager
def _valkey(folder: Path, port: int) -> "Iterator[subprocess.Popen[bytes]]":
    environment = {
        **os.environ,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_CACHE_FOLDER": str(folder),
        "CACHE_PASSWORD": "secret",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.cache"], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(f"tcp://127.0.0.1:{port}", seconds=30)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="closecast-cache-"))
    yield made
    shutil.rmtree(made)


def test_a_cache_killed_or_hanging_costs_milliseconds_once_and_is_used_again_when_back(
    served_model: DealModel, folder: Path
) -> None:
    port = free_port()
    cache = ExplanationCache(lambda: f"redis://:secret@127.0.0.1:{port}/0", pause=3.0)
    explainer, question = Explainer(cache, NO_PSEUDONYMS), _question(served_model)

    def asked_and_there() -> bool:
        explainer.explain(_served(served_model), DEAL, question)
        return cache.away is None

    with _valkey(folder, port) as process:
        right = explainer.explain(_served(served_model), DEAL, question)
        # when it hangs
        process.send_signal(signal.SIGSTOP)
        told = [explainer.explain(_served(served_model), DEAL, question) for _ in range(20)]
        # then one question waits for it, the others do not ask
        assert cache.failures == 1
        assert "Timeout" in str(cache.away)
        assert all(one[1] == right[1] for one in told)
        process.send_signal(signal.SIGCONT)
        until(asked_and_there)
        # when it is killed
        process.kill()
        process.wait()
        told = [explainer.explain(_served(served_model), DEAL, question) for _ in range(20)]
        assert cache.failures == 2
        assert all(one[1] == right[1] for one in told)
    # when it is back
    with _valkey(folder, port):
        until(asked_and_there)
        hits = cache.hits
        explainer.explain(_served(served_model), DEAL, question)
        explainer.explain(_served(served_model), DEAL, question)
        # then
        assert cache.hits > hits
        assert cache.away is None
    cache.close()
