"""Few odd rows move neither the figures nor the decision by more than noise, or are told by name: benchmarks/gate.md, small."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import gate_rows
from closecast.deals.contract import CheckedDeals, check
from closecast.deals.synthetic.generator import generate

RAW = generate(2_500, seed=11)
PLAIN = check(RAW).accepted
KINDS = {
    "late close": lambda days: {"close_date": gate_rows.moved(RAW, 14 + days)},
    "late engagement": lambda days: {
        "deal_stage": "Engaging",
        "engage_date": gate_rows.moved(RAW, 14 + days),
        "close_date": "",
        "close_value": "",
    },
    "early close": lambda days: gate_rows.first_close(RAW, 40 + days),
    "price": lambda days: {"close_value": str(10**6 * days)},
}
SET_ASIDE = [
    name
    for name in gate_rows.SCENARIOS
    if any(
        word in name
        for word in (
            "months after",
            "250 days",
            "years early",
            "100 days early",
            "early and one late",
            "price",
            "thousand",
        )
    )
]


def same_as_before(checked: CheckedDeals) -> bool:
    return checked.accepted.reset_index(drop=True).equals(PLAIN.reset_index(drop=True))


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 300)), min_size=1, max_size=5))
def test_whatever_five_rows_there_are_the_deals_learnt_from_are_the_same(odd: list[tuple[str, int]]) -> None:
    # given rows of every kind at once
    raw = gate_rows.added(RAW, [KINDS[kind](days) for kind, days in odd])
    # when
    checked = check(raw)
    # then all of them are set aside, so that no figure can move
    assert same_as_before(checked)
    assert checked.rejected["opportunity_id"].tolist() == [f"ODD{number}" for number in range(len(odd))]


@pytest.mark.parametrize("name", SET_ASIDE)
def test_what_the_table_says_is_set_aside_is(name: str) -> None:
    assert same_as_before(check(gate_rows.SCENARIOS[name](RAW)))
