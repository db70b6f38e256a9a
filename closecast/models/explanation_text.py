"""Write an explanation as sentences: by group and by feature, each with its value and its effect on the chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import fsum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closecast.features import FEATURES, NAMES
from closecast.features.stages import UNKNOWN
from closecast.models.explanations import Explanation
from closecast.models.feature_text import FEATURE_TEXT, GROUPS, OF_HISTORY, Entity, FeatureGroup, percent

NameStatus = Literal["known", "new", "missing"]
_HARDLY = 0.0005  # of probability: half of a tenth of a point, the precision of the text
_WORTH_NAMING = 0.005
_NOTES: dict[tuple[Entity, NameStatus], str] = {
    ("sales_agent", "new"): "the model has not met this agent, and a newcomer's figures stand in",
    ("sales_agent", "missing"): "the deal names no agent, and a newcomer's figures stand in",
    ("product", "new"): "the model has not met this product, and a new one's figures stand in",
    ("product", "missing"): "the deal names no product, and a new one's figures stand in",
    ("account", "new"): "the model has not met this account, and a new one's figures stand in",
    ("account", "missing"): "the deal names no account, and the figures of one drawn from the closed deals stand in",
}


@dataclass(frozen=True)
class Contribution:
    """The contribution of one group or feature to the probability (0.01 is one point), and a sentence."""

    name: str
    title: str
    points: float
    sentence: str


@dataclass(frozen=True)
class FeatureContribution(Contribution):
    """The contribution of a feature, with its group, its value, the reference deal's value, and their unit."""

    group: str
    value: float
    base_value: float
    unit: str


@dataclass(frozen=True)
class ExplanationText:
    """The text of an explanation.

    The base's probability plus the points of `groups` is the answer; each group's points are the sum of its features'.
    Groups have a fixed order; those of the deal's history are left out where it has none, which changes nothing.
    `base_sentence` describes the starting point.
    """

    base_sentence: str
    groups: tuple[Contribution, ...]
    features: tuple[FeatureContribution, ...]


def describe(
    explanation: Explanation,
    row: NDArray[np.float64],
    reference: NDArray[np.float64],
    as_of: date,
    horizon_days: int,
    name_status: Mapping[Entity, NameStatus],
) -> ExplanationText:
    """Describe one answer in sentences.

    `row` and `reference` are the feature values, (len(NAMES),), of its deal and the reference deal; `name_status` says which
    names the history knows.
    """
    notes = {entity: _NOTES.get((entity, of)) for entity, of in name_status.items()}
    of_entity = {group.name: notes.get(group.entity) if group.entity else None for group in GROUPS}
    values = dict(zip(NAMES, map(float, row), strict=True))
    silent = _not_known(row, reference)
    features = []
    for feature, base_value, points in zip(
        FEATURES, map(float, reference), map(float, explanation.points), strict=True
    ):
        words, value = FEATURE_TEXT[feature.name], values[feature.name]
        if words.group in silent:
            continue
        note = of_entity[words.group]
        fact = f"{note}: {words.fact(value)}" if note else words.fact(value)
        sentence = _sentence([fact], points, value == base_value)
        features.append(
            FeatureContribution(
                feature.name, words.label, points, sentence, words.group, value, base_value, feature.unit
            )
        )
    groups = []
    for group in GROUPS:
        own = [one for one in features if one.group == group.name]
        if not own:
            continue
        points, note = fsum(one.points for one in own), of_entity[group.name]
        facts = [note] if note else [FEATURE_TEXT[name].fact(values[name]) for name in _leading_features(group, own)]
        is_same = all(one.value == one.base_value for one in own)
        groups.append(Contribution(group.name, group.title, points, _sentence(facts, points, is_same)))
    by = as_of + timedelta(days=horizon_days)
    base = (
        f"The starting point is a deal engaged on {as_of}, of an agent, a product and an account that the model has not met: "
        f"{percent(explanation.base)} of such deals are won by {by}."
    )
    return ExplanationText(base, tuple(groups), tuple(features))


def _not_known(row: NDArray[np.float64], reference: NDArray[np.float64]) -> set[str]:
    """The groups of the deal's history of which neither deal has anything."""
    known = {
        FEATURE_TEXT[name].group
        for name, value, base_value in zip(NAMES, row, reference, strict=True)
        if value != UNKNOWN or base_value != UNKNOWN
    }
    return set(OF_HISTORY) - known


def _leading_features(group: FeatureGroup, features: list[FeatureContribution]) -> list[str]:
    """The group's leading features, and the one with the largest contribution if it is another and large enough."""
    strongest = max(features, key=lambda one: abs(one.points))
    adds = strongest.name not in group.lead and abs(strongest.points) >= _WORTH_NAMING
    return [*group.lead, strongest.name] if adds else list(group.lead)


def _sentence(facts: list[str], points: float, is_same: bool) -> str:
    text = ", and ".join(filter(None, (", ".join(facts[:-1]), facts[-1])))
    return f"{text[:1].upper()}{text[1:]}; this {_effect(points, is_same)}."


def _effect(points: float, is_same: bool) -> str:
    if is_same:
        return "is so at the starting point too, and changes nothing"
    if abs(points) < _HARDLY:
        return "hardly changes the chance"
    size = f"{abs(points) * 100:.1f}"
    return f"{'raises' if points > 0 else 'lowers'} the chance by {size} point{'' if size == '1.0' else 's'}"
