"""Tells an explanation in sentences: by group and by feature, each with its value, its unit and what it does to the chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closecast.features import FEATURES, NAMES
from closecast.models.explanations import Explanation
from closecast.models.words import CALIBRATION, GROUPS, WORDS, Entity, Group, percent

Standing = Literal["known", "new", "missing"]
_HARDLY = 0.0005  # of probability: half of the tenth of a point that is told
_WORTH_TELLING = 0.005
_NOTES: dict[tuple[Entity, Standing], str] = {
    ("sales_agent", "new"): "the model has not met this agent, and a newcomer's figures stand in",
    ("sales_agent", "missing"): "the deal names no agent, and a newcomer's figures stand in",
    ("product", "new"): "the model has not met this product, and a new one's figures stand in",
    ("product", "missing"): "the deal names no product, and a new one's figures stand in",
    ("account", "new"): "the model has not met this account, and a new one's figures stand in",
    ("account", "missing"): "the deal names no account, and the figures of one drawn from the closed deals stand in",
}


@dataclass(frozen=True)
class Part:
    """One group or feature: what it adds, in log-odds and in probability (0.01 is one point), and a sentence."""

    name: str
    title: str
    log_odds: float
    points: float
    sentence: str


@dataclass(frozen=True)
class FeaturePart(Part):
    """A feature also has its group, its value and the value's unit."""

    group: str
    value: float
    unit: str


@dataclass(frozen=True)
class Story:
    """What an answer is made of: the base's chance + the points of `groups` are the answer; each group's points are
    those of its features. Groups stand in a fixed order, the calibration's last; `base_sentence` says where it starts."""

    base_sentence: str
    groups: tuple[Part, ...]
    features: tuple[FeaturePart, ...]


def tell(
    explanation: Explanation,
    row: NDArray[np.float64],
    as_of: date,
    horizon_days: int,
    standing: Mapping[Entity, Standing],
) -> Story:
    """The story of one answer. `row` are its feature values, (23,); `standing` says which names the history knows."""
    worth = explanation.points_per_log_odds
    notes = {entity: _NOTES.get((entity, of)) for entity, of in standing.items()}
    of_entity = {group.name: notes.get(group.entity) if group.entity else None for group in GROUPS}
    values = dict(zip(NAMES, map(float, row), strict=True))
    features = []
    for feature, added in zip(FEATURES, map(float, explanation.features), strict=True):
        words, value = WORDS[feature.name], values[feature.name]
        note, points = of_entity[words.group], added * worth
        sentence = _sentence([f"{note}: {words.fact(value)}" if note else words.fact(value)], points)
        features.append(
            FeaturePart(feature.name, words.label, added, points, sentence, words.group, value, feature.unit)
        )
    groups = []
    for group in GROUPS:
        own = [one for one in features if one.group == group.name]
        added, note = sum(one.log_odds for one in own), of_entity[group.name]
        facts = [note] if note else [WORDS[name].fact(values[name]) for name in _telling(group, own)]
        groups.append(Part(group.name, group.title, added, added * worth, _sentence(facts, added * worth)))
    groups.append(_calibration(CALIBRATION, explanation))
    by = as_of + timedelta(days=horizon_days)
    base = (
        f"The starting point is a deal engaged on {as_of}, of an agent, a product and an account that the model has not met: "
        f"{percent(explanation.base_probability)} of such deals are won by {by}."
    )
    return Story(base, tuple(groups), tuple(features))


def _telling(group: Group, features: list[FeaturePart]) -> list[str]:
    """The group's leading features, and the one that adds most if it is another and adds something to speak of."""
    strongest = max(features, key=lambda one: abs(one.points))
    tells = strongest.name not in group.lead and abs(strongest.points) >= _WORTH_TELLING
    return [*group.lead, strongest.name] if tells else list(group.lead)


def _calibration(group: Group, explanation: Explanation) -> Part:
    points = explanation.calibration * explanation.points_per_log_odds
    fact = "the chance is set right by how often past forecasts of its size came true"
    return Part(group.name, group.title, explanation.calibration, points, _sentence([fact], points))


def _sentence(facts: list[str], points: float) -> str:
    text = ", and ".join(filter(None, (", ".join(facts[:-1]), facts[-1])))
    return f"{text[:1].upper()}{text[1:]}; this {_effect(points)}."


def _effect(points: float) -> str:
    if abs(points) < _HARDLY:
        return "hardly changes the chance"
    size = f"{abs(points) * 100:.1f}"
    return f"{'raises' if points > 0 else 'lowers'} the chance by {size} point{'' if size == '1.0' else 's'}"
