"""Why a forecast changed: the parts add up to the cent, and each is what it is called."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.horizon import quarter_ahead
from closecast.features import History
from closecast.forecast.chances import ModelChances
from closecast.forecast.changes import Change, change
from closecast.forecast.expectation import Expectation, expect
from closecast.forecast.ledger import Ledger


def asked(
    ledger: Ledger, history: History, chances: ModelChances, as_of: date, since: date, recorded: int | None = None
) -> tuple[Change, Expectation, int]:
    start, end = quarter_ahead(as_of)
    now = expect(ledger, history, chances, as_of, end)
    found = change(ledger, history, chances, start, now, since, recorded)
    return found, now, ledger.revenue(start, as_of) + now.cents


@given(
    day=st.dates(date(2017, 7, 8), date(2017, 9, 29)),
    days=st.integers(1, 14),
    recorded=st.none() | st.integers(0, 10**9),
)
def test_the_parts_add_up_to_the_cent(
    ledger: Ledger, history: History, chances: ModelChances, day: date, days: int, recorded: int | None
) -> None:
    since = max(day - timedelta(days=days), date(2017, 6, 30))
    found, _, total = asked(ledger, history, chances, day, since, recorded)
    assert found.after == total
    assert found.before == (recorded if recorded is not None else found.before)


def test_what_was_won_is_beyond_what_was_expected_of_it(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    # given
    as_of, since = date(2017, 8, 20), date(2017, 8, 13)
    # when
    found, now, _ = asked(ledger, history, chances, as_of, since)
    # then
    open_then = set(ledger.open(since).tolist())
    won = [at for at in ledger.won(since + timedelta(days=1), as_of).tolist() if at in open_then]
    lost = sorted(open_then - set(now.open.tolist()) - set(won))
    value, days = ledger.values(as_of)[0], (now.by - as_of).days
    of = {
        at: p * value[at] for at, p in zip(won + lost, chances(np.array(won + lost), as_of, days).tolist(), strict=True)
    }
    assert found.won / 100 == pytest.approx(ledger.cents[won].sum() / 100 - sum(of[at] for at in won), abs=1)
    assert found.lost / 100 == pytest.approx(-sum(of[at] for at in lost), abs=1)
    assert won and lost
    assert found.lost < 0
    fresh = ledger.engaged[now.open] > (since - date(1970, 1, 1)).days
    assert found.engaged >= now.open_cents[fresh].sum() > 0


def test_only_a_recorded_forecast_can_tell_of_another_model(
    ledger: Ledger, history: History, chances: ModelChances
) -> None:
    as_of, since = date(2017, 8, 20), date(2017, 8, 13)
    same, _, total = asked(ledger, history, chances, as_of, since)
    other, _, _ = asked(ledger, history, chances, as_of, since, recorded=same.before - 12_345)
    assert same.model == 0
    assert other.model == 12_345
    assert other.after == same.after == total


def test_nothing_happens_in_no_time(ledger: Ledger, history: History, chances: ModelChances) -> None:
    found, _, total = asked(ledger, history, chances, date(2017, 8, 20), date(2017, 8, 20))
    assert (found.time, found.calendar, found.won, found.lost, found.engaged) == (0, 0, 0, 0, 0)
    assert found.before == total
