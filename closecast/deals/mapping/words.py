"""The names that CRMs give to columns and stages (words.yaml), in the plain form that `plain` makes of a name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Literal

import msgspec

from closecast.deals.mapping.document import Meaning

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_LETTERS = re.compile(r"[\W_]+")
_NUMBERS = re.compile(r"^(?:\d+ )+|(?: \d+)+$")  # before a stage its place, behind it its probability
_ZONE = re.compile(r" (?:utc|gmt)$")
_SUBJECT = {"deal", "deals", "opportunity", "opp", "opportunities"}  # says nothing in a table of deals
# What such a column says is known before the close, or overwritten at it: never a date or a value of the outcome.
EXPECTED = re.compile(
    r"\b(expected|est|estimated|tentative|forecast|planned|anticipated|erwartet\w*|simulated|probability)\b"
)


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: dict[str, tuple[str, ...]]  # by use, the best name first
    dated: dict[Literal["won", "lost"], tuple[str, ...]]
    closed: frozenset[str]  # words for "closed"
    stages: dict[Meaning, tuple[str, ...]]
    history: dict[str, tuple[str, ...]]  # by use, the best name first


_WORDS = msgspec.yaml.decode(resources.files(__package__).joinpath("words.yaml").read_bytes(), type=_Words)
COLUMNS = _WORDS.columns
DATED = _WORDS.dated
HISTORY = _WORDS.history
_MEANINGS: dict[str, Meaning] = {name: one for one, names in _WORDS.stages.items() for name in names}


def plain(name: str) -> str:
    """A column's or a stage's name without case, signs and the word for the deal itself: "Deal - OwnerId" is "owner id"."""
    words = _NO_LETTERS.sub(" ", _CAMEL.sub(" ", name.strip())).casefold().split()
    return _ZONE.sub("", " ".join([word for word in words if word not in _SUBJECT] or words))


def named(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """Those of `names` whose plain form is one of `known`, in the order of `known`, else in their own."""
    found = [name for name in names if plain(name) in known]
    return sorted(found, key=lambda name: known.index(plain(name)))


def meaning(stage: str, stages: Mapping[str, Meaning] = MappingProxyType({})) -> Meaning | None:
    """What a stage means, as `stages` say or else its name by itself; None for a name that is not known."""
    name = plain(stage)
    bare = _NUMBERS.sub("", name)
    first, _, rest = bare.partition(" ")
    known = _MEANINGS.get(name) or _MEANINGS.get(bare)
    return stages.get(stage) or known or (_MEANINGS.get(rest) if first in _WORDS.closed else None)
