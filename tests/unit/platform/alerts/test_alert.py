"""What an alert may say."""

import pytest

from closecast.platform.alerts.alert import Alert


@pytest.mark.parametrize("rule", ["", "Harm", "harm-1", "harm\n", "7", "a" * 81])
def test_a_name_that_cannot_be_a_rules_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="no name of a rule"):
        Alert(rule, "key", "note", "summary")


def test_a_severity_is_a_page_or_a_note() -> None:
    with pytest.raises(ValueError, match="severity"):
        Alert("harm", "key", "critical", "summary")  # type: ignore[arg-type]


def test_a_summary_is_one_line_and_texts_are_cut() -> None:
    made = Alert("harm", "key", "note", "one\r\n two\tthree\u2028four", "x" * 10_000, {"run": "y" * 10_000})
    assert made.summary == "one two three four"
    assert made.description == "x" * 3_999 + "…"
    assert len(made.links["run"]) == 1_000


def test_an_alert_without_a_summary_is_named_by_its_rule() -> None:
    assert Alert("harm", "key", "note", " \n").summary == "harm"
