"""The years of benchmarks/proof.md: harm of a tenth is proven in time, and a year without drift raises no alarm."""

from datetime import date

import numpy as np
import pytest

from benchmarks import proof, proof_years
from closecast.monitoring import performance

pytestmark = pytest.mark.integration


def test_the_page_is_made_of_years_with_and_without_harm() -> None:
    # when
    lines, proven = proof.simulated(3)
    line, _ = proof.changed_world(1)
    # then
    page = "\n".join(lines)
    assert proven >= 2 / 3
    assert "| the true chances | 0 | 0.0%" in page
    assert all(f"| {name} |" in page for name in proof.CHANGES)
    assert line.startswith("| the world: ")


def test_a_planted_harm_is_a_tenth_of_log_loss() -> None:
    # given
    one = proof_years.year(1)
    best = proof_years.log_loss(one.chances, one.log_odds)
    # when / then
    for change in proof.CHANGES.values():
        size = proof.size_of(change, [one])
        odds = change(one.log_odds, size, np.random.default_rng(0))
        assert proof_years.log_loss(one.chances, odds) == pytest.approx(1.1 * best, rel=1e-3)


def test_shocks_that_weeks_share_are_no_harm() -> None:
    # given
    one = proof_years.year(2)
    shocked = proof_years.with_weekly_shocks(one, proof.SHOCKS, 2)
    # then
    assert proof_years.dependence(one.table) < 2 < 3 < proof_years.dependence(shocked)
    assert performance.first_proof(shocked, performance.LEAST_TOLERANCE) is None


def test_the_two_periods_end_with_the_second_month_after_the_change() -> None:
    assert proof.deadline(date(2017, 2, 1)) == date(2017, 4, 30)
    assert proof.deadline(date(2017, 10, 1)) == date(2017, 12, 31)
