"""The rules of alerts: policies/alerts/*.yaml, checked as they are read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from closecast.platform.alerts.alert import Severity

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([0-9]{1,5})([smhd])")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")

Duration = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,5}[smhd]$")]
Source = Literal["metrics", "service", "flow"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class RulesError(ValueError):
    """The rules cannot be used: which file, which rule, and why."""


class BurnRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An error budget that is used up too fast, over a long window and still over a short one.

    `slo` names the objective; the budget lasts its whole period at a factor of 1. Of fewer than `least` events in the
    long window no share is told.
    """

    slo: str
    factor: Annotated[float, msgspec.Meta(gt=0)]
    long: Duration
    short: Duration
    least: Annotated[int, msgspec.Meta(ge=1)]


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A service level objective: the share of `total` that may be `bad` is 1 - `objective`.

    Both are PromQL with {window} where a range goes.
    """

    objective: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    bad: Text
    total: Text


class Recorded(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A recording rule: what Prometheus keeps under a name of its own."""

    record: Annotated[str, msgspec.Meta(pattern="^[a-z_]+:[a-z0-9_:]+$")]
    expression: Text


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When an alert is told of, and how.

    `source` says who fires it: Prometheus by `expression` or `burn_rate` (metrics), the service `alerts`, or a flow.
    """

    source: Source
    severity: Severity
    summary: Text
    description: Text
    runbook: Annotated[str, msgspec.Meta(pattern="^docs/runbooks.md#[a-z0-9_-]+$")]
    lasting: Duration = msgspec.field(name="for", default="0s")
    group: Duration = "1m"
    repeat: Duration = "12h"
    expression: Text | None = None
    burn_rate: BurnRate | None = None
    limit: Duration | None = None  # of rules that a service judges by an age

    @property
    def lasts(self) -> timedelta:
        """How long it has to be open before it is told of; Prometheus waits itself."""
        return timedelta(0) if self.source == "metrics" else duration(self.lasting)

    @property
    def gathers(self) -> timedelta:
        """How long a message waits for other alerts of the rule; Alertmanager waits itself."""
        return timedelta(0) if self.source == "metrics" else duration(self.group)

    @property
    def repeats(self) -> timedelta:
        """The time after which it is told of again while it is open; none: never."""
        return duration(self.repeat)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: dict[str, Rule]
    objectives: dict[str, Objective] = {}
    recorded: list[Recorded] = []


@dataclass(frozen=True)
class Rules:
    """All rules, objectives and recording rules, by name."""

    rules: Mapping[str, Rule]
    objectives: Mapping[str, Objective]
    recorded: tuple[Recorded, ...]

    def of(self, source: Source) -> dict[str, Rule]:
        """The rules that `source` fires."""
        return {name: rule for name, rule in self.rules.items() if rule.source == source}


def duration(text: str) -> timedelta:
    """Parse 30s, 5m, 12h or 7d. Raises ValueError for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r:.50} is no duration; expected a number and s, m, h or d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def load(folder: Path) -> Rules:
    """Read the YAML files of `folder`. Raises RulesError naming the file for what is unknown, missing or contradictory."""
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise RulesError(f"there are no rules in {folder}")
    rules: dict[str, Rule] = {}
    objectives: dict[str, Objective] = {}
    recorded: list[Recorded] = []
    for file in files:
        try:
            read = msgspec.yaml.decode(file.read_bytes(), type=_File)
        except msgspec.DecodeError as error:
            raise RulesError(f"{file.name}: {' '.join(str(error).split())}") from error
        for kind, known, new in (("rule", rules, read.rules), ("objective", objectives, read.objectives)):
            if twice := sorted(known.keys() & new.keys()):
                raise RulesError(f"{file.name}: the {kind} {twice[0]} is in another file too")
        rules |= read.rules
        objectives |= read.objectives
        recorded += read.recorded
    whole = Rules(rules, objectives, tuple(recorded))
    for name, rule in rules.items():
        if problem := _problem(name, rule, whole):
            raise RulesError(f"the rule {name}: {problem}")
    return whole


def _problem(name: str, rule: Rule, rules: Rules) -> str | None:
    ways = [way for way in (rule.expression, rule.burn_rate) if way is not None]
    if not _NAME.fullmatch(name):
        return "a name has lower-case letters, digits and _ only"
    if rule.source == "metrics" and len(ways) != 1:
        return "a rule on metrics has either an expression or a burn_rate"
    if rule.source != "metrics" and ways:
        return f"Prometheus does not fire it, but {rule.source}: it has neither an expression nor a burn_rate"
    if rule.burn_rate is not None and rule.burn_rate.slo not in rules.objectives:
        return f"there is no objective {rule.burn_rate.slo}"
    if rule.runbook != f"docs/runbooks.md#{name}":
        return f"its runbook is docs/runbooks.md#{name}"
    return None
