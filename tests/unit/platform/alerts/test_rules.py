"""Rules are checked as they are read: what is unknown or contradictory is refused with its place."""

from pathlib import Path

import pytest

from closecast.platform.alerts.rules import RulesError, load

RULE = """
rules:
  disk_full:
    source: metrics
    severity: page
    summary: The disk is full
    description: It is.
    runbook: docs/runbooks.md#disk_full
    expression: disk_free < 1
"""


def written(folder: Path, text: str, name: str = "rules.yaml") -> Path:
    (folder / name).write_text(text)
    return folder


def test_a_rule_is_read_with_what_it_leaves_out(tmp_path: Path) -> None:
    rule = load(written(tmp_path, RULE)).rules["disk_full"]
    assert (rule.lasting, rule.group, rule.repeat) == ("0s", "1m", "12h")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity: page", "severity: ticket", "severity"),
        ("severity: page", "severity: page\n    silenced: true", "silenced"),
        ("rules:", "colour: red\nrules:", "colour"),
        ("    summary: The disk is full\n", "", "summary"),
        ("severity: page", "severity: page\n    for: soon", "for"),
        ("expression: disk_free < 1", "expression: ''", "expression"),
        ("    expression: disk_free < 1\n", "", "either an expression or a burn_rate"),
        ("source: metrics", "source: flow", "Prometheus does not fire it"),
        ("#disk_full", "#disk", "its runbook is docs/runbooks.md#disk_full"),
        ("disk_full:", "Disk-Full:", "lower-case"),
        (
            "expression: disk_free < 1",
            "burn_rate: {slo: none, factor: 6, long: 1h, short: 5m, least: 9}",
            "there is no objective none",
        ),
    ],
)
def test_a_rule_that_cannot_be_one_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(RulesError, match=said):
        load(written(tmp_path, RULE.replace(old, new)))


def test_two_files_with_the_same_rule_are_refused(tmp_path: Path) -> None:
    written(tmp_path, RULE, "other.yaml")
    with pytest.raises(RulesError, match=r"rules\.yaml: the rule disk_full is in another file too"):
        load(written(tmp_path, RULE))


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="no rules"):
        load(tmp_path)
