"""An alert, and the text of alerts made safe to keep."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from closecast.platform.printable import printable

Severity = Literal["page", "note"]
SEVERITIES: tuple[Severity, ...] = ("page", "note")
_RULE = re.compile(r"[a-z][a-z0-9_]{0,79}")
_KEY, _SUMMARY, _DESCRIPTION, _VALUE = 300, 300, 4_000, 1_000  # characters
_ENTRIES = 30


@dataclass(frozen=True)
class Alert:
    """Something that is wrong.

    `rule` is its name in policies/alerts, `key` what it is about: a rule and a key have one open alert. `links` are
    addresses by what is there: report, run, runbook. Texts are cut to some thousand characters and lose what terminals
    and mail would act on. Raises ValueError for a rule or a severity that cannot be one.
    """

    rule: str
    key: str
    severity: Severity
    summary: str
    description: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _RULE.fullmatch(self.rule):
            raise ValueError(f"{self.rule!r:.100} is no name of a rule: expected lower-case letters, digits and _")
        if self.severity not in SEVERITIES:
            raise ValueError(f"the severity is {self.severity!r:.100}; expected one of {', '.join(SEVERITIES)}")
        for name, value in (
            ("key", one_line(self.key, _KEY)),
            ("summary", one_line(self.summary, _SUMMARY) or self.rule),
            ("description", _lines(self.description, _DESCRIPTION)),
            ("links", _named(self.links)),
            ("labels", _named(self.labels)),
        ):
            object.__setattr__(self, name, value)


def one_line(text: str, most: int = _VALUE) -> str:
    """`text` as one line of printable characters, at most `most` of them."""
    return _cut(printable(" ".join(text.split())), most)


def _lines(text: str, most: int) -> str:
    return _cut("\n".join(printable(line.replace("\t", " ").rstrip()) for line in text.splitlines()).strip("\n"), most)


def _named(given: Mapping[str, str]) -> dict[str, str]:
    return {one_line(name, 100): one_line(value) for name, value in list(given.items())[:_ENTRIES]}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
