"""Proposes a mapping for an export that nobody has mapped yet, from the names and the values of its columns."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from closecast.deals.mapping import amounts, dates, history, words
from closecast.deals.mapping.document import OPEN, REQUIRED, VERSION, Columns, DateOrder, Mapping, MappingError, Meaning
from closecast.deals.mapping.evidence import MOST_STAGES, Evidence
from closecast.deals.mapping.profiles import shipped
from closecast.deals.reading.table import RawTable
from closecast.deals.vocabulary import TEAM_COLUMNS

_USES = (
    *REQUIRED,
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "amount",
    "currency",
    "pipeline",
    *TEAM_COLUMNS,
)
_LEAST = 0.9  # share of a column's values that must fit its use
_MANY = 0.5  # of a column's values
_BY_VALUES = 0.5  # the confidence of a column that only its values speak for


@dataclass(frozen=True)
class Row:
    """One use, the column proposed for it (None where there is none), how sure that is (0 to 1), and examples."""

    use: str
    column: str | None
    confidence: float
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What only the user can say, and the places of a mapping file where the answer goes."""

    text: str
    places: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Proposal:
    """A mapping as a document without types, what speaks for it, and the questions whose places it leaves open."""

    document: dict[str, Any]
    rows: tuple[Row, ...]
    questions: tuple[Question, ...]

    @property
    def is_certain(self) -> bool:
        """Whether there is nothing to ask."""
        return not self.questions

    @property
    def mapping(self) -> Mapping:
        """The mapping, of a proposal that is certain."""
        return msgspec.convert(self.document, Mapping)

    def draft(self) -> dict[str, Any]:
        """The document with OPEN at each place that the user has to fill; as long as one is left, it cannot be read."""
        draft: dict[str, Any] = json.loads(json.dumps(self.document))
        for question in self.questions:
            for *parents, last in question.places:
                at = draft
                for parent in parents:
                    at = at.setdefault(parent, {})
                at[last] = OPEN
        return draft


def propose(table: RawTable) -> Proposal:
    """The mapping that fits `table` best: the profile of a CRM that has its columns, else one by names and values."""
    found = {name: Evidence.of(table.frame, name) for name in table.frame.columns}
    profile = _matching(found)
    rows = _of_profile(profile, found) if profile else tuple(_by_names(use, found) for use in _USES)
    rows = _with_stage(rows, found)
    columns: dict[str, Any] = {row.use: row.column for row in rows if row.column}
    closes = [columns["closed"]] if "closed" in columns else []
    several = list(profile.columns.closes) if profile else [one.name for one in _dated(found)]
    if len(several) > 1:
        columns["closed"] = closes = several
    document: dict[str, Any] = {"version": VERSION, "columns": columns, "stages": {}}
    questions = _of_columns(rows, found)
    if "stage" in columns:
        document["stages"], asked = _meanings(found[columns["stage"]], profile.stages if profile else {})
        questions += asked
    begins = [columns["created"]] if "created" in columns else []
    order, asked = _order([found[name] for name in begins + closes])
    mark, asked_of_money = _money(columns, found)
    chosen = {"name": profile.name if profile else None, "dates": order, "decimal_mark": mark}
    document |= {name: value for name, value in chosen.items() if value}
    asked_of_history: list[Question] = []
    if {"opportunity_id", "stage"} <= set(columns):
        identifiers, stages = (table.frame[columns[use]].str.strip() for use in ("opportunity_id", "stage"))
        beside = history.find(table.beside, identifiers, stages)
        if beside.columns:
            document["history"] = msgspec.to_builtins(beside.columns)
        if beside.question:
            document["history"] = dict(beside.known)
            asked_of_history.append(Question(beside.question, (("history", beside.unknown),)))
    return Proposal(document, rows, (*questions, *asked, *asked_of_money, *asked_of_history))


def _of_columns(rows: Sequence[Row], found: dict[str, Evidence]) -> list[Question]:
    """About required columns that are not found, or found by their values alone."""
    # Of a file that may be no export at all, and somebody's secret, no word is quoted.
    is_known = any(row.column and row.confidence > _BY_VALUES for row in rows)
    there = f"there are {', '.join(name[:40] for name in list(found)[:40])}" if is_known else "no name is known"
    asked = []
    for row in rows:
        place = (("columns", row.use),)
        if row.use in REQUIRED and row.column is None:
            asked.append(Question(f"which column is {_ASKED[row.use]}? Of its columns {there}.", place))
        elif row.use in REQUIRED and row.confidence < _LEAST and is_known:
            asked.append(Question(f"is {row.column!r} {_ASKED[row.use]}? Its name does not say so.", place))
    return asked


_ASKED = {
    "stage": "the stage or status, which says won, lost or open",
    "created": "the date on which a deal was created",
    "closed": "the date on which a deal was won or lost",
}


def _matching(found: dict[str, Evidence]) -> Mapping | None:
    """The profile most of whose columns are there, all those that are required among them; without the absent ones."""
    best: tuple[int, Mapping] | None = None
    for profile in shipped():
        columns = profile.columns
        closes = tuple(name for name in columns.closes if name in found)
        if columns.stage not in found or columns.created not in found or len(closes) < len(columns.closes):
            continue
        present = sum(name in found for name in columns.used())
        if present > len(columns.used()) / 2 and (best is None or present > best[0]):
            there = {name: value for name, value in msgspec.structs.asdict(columns).items() if value in found}
            closed = closes if len(closes) > 1 else closes[0]
            best = present, msgspec.structs.replace(profile, columns=Columns(**{**there, "closed": closed}))
    return best[1] if best else None


def _of_profile(profile: Mapping, found: dict[str, Evidence]) -> tuple[Row, ...]:
    rows = []
    for use in _USES:
        if use in TEAM_COLUMNS and getattr(profile.columns, use) is None:  # a team's own addition to its CRM
            rows.append(_by_names(use, found))
            continue
        column = profile.columns.closes[0] if use == "closed" else getattr(profile.columns, use)
        row = Row(use, column, 1.0, tuple(found[column].examples)) if column else Row(use, None, 0.0, ())
        rows.append(replace(row, confidence=_fit(use, found[column])) if column and use in REQUIRED else row)
    return tuple(rows)


def _by_names(use: str, found: dict[str, Evidence]) -> Row:
    """The column with the best known name whose values fit; for what is required, else the one with the best values."""
    if use == "closed" and (apart := _dated(found)):
        return Row(use, apart[0].name, min(_fit(use, one) for one in apart), tuple(apart[0].examples))
    fitting = [one for one in _named(use, found) if _fit(use, one) >= _LEAST]
    if fitting:
        # Of a status beside a stage, the one whose meanings are known wholly; then the name that says it best.
        best = max(fitting, key=lambda one: round(_fit(use, one), 2)) if use == "stage" else fitting[0]
        return Row(use, best.name, min(1.0, _fit(use, best)), tuple(best.examples))
    if use in REQUIRED:
        others = {name for other, names in words.COLUMNS.items() if other != use for name in names}
        plain = {name: words.plain(name) for name in found}
        free = [
            one for name, one in found.items() if plain[name] not in others and not words.EXPECTED.search(plain[name])
        ]
        best_by_values = max(free, key=lambda one: _fit(use, one), default=None)
        if best_by_values and _fit(use, best_by_values) >= _LEAST:
            return Row(use, best_by_values.name, _BY_VALUES, tuple(best_by_values.examples))
    return Row(use, None, 0.0, ())


def _with_stage(rows: tuple[Row, ...], found: dict[str, Evidence]) -> tuple[Row, ...]:
    """With the column that is called a stage, where no column has a known win or loss and both dates are known by name.

    What its values mean is asked then.
    """
    by_use = {row.use: row for row in rows}
    dated = all(by_use[use].confidence > _BY_VALUES for use in REQUIRED if use != "stage")
    if by_use["stage"].column or not dated:
        return rows
    for one in _named("stage", found):
        if 1 < len(one.values) <= MOST_STAGES:
            row = Row("stage", one.name, _LEAST, tuple(one.examples))
            return tuple(row if old.use == "stage" else old for old in rows)
    return rows


def _dated(found: dict[str, Evidence]) -> list[Evidence]:
    """The columns of CRMs that date a win and a loss apart, if both are there; each deal has a date in one of them."""
    both = [words.named(found, names)[:1] for names in words.DATED.values()]
    apart = [found[name] for names in both for name in names]
    return apart if len(apart) == len(both) and all(_fit("closed", one) >= _LEAST for one in apart) else []


def _named(use: str, found: dict[str, Evidence]) -> list[Evidence]:
    """The columns with a known name of a use, the best name first."""
    return [found[name] for name in words.named(found, words.COLUMNS[use])]


def _fit(use: str, one: Evidence) -> float:
    """The share of a column's values that fit a use."""
    if use == "stage":
        return one.stages and max(_LEAST, one.stages)
    if use == "created":
        return one.dates * one.filled if one.filled < _LEAST else one.dates
    if use == "closed":
        return one.dates
    if use == "amount":
        return one.amounts
    if use == "opportunity_id":
        return one.identifies
    return 1.0 if one.values else 0.0


def _meanings(stage: Evidence, given: dict[str, Meaning]) -> tuple[dict[str, Meaning], list[Question]]:
    """The meaning of each stage in the export, and a question about those without one."""
    found: dict[str, Meaning] = {}
    unknown: dict[str, int] = {}
    for text, count in stage.values.most_common():
        known = given.get(text) or words.meaning(text)
        if known is None:
            unknown[text] = count
        else:
            found[text] = known
    if not unknown:
        return found, []
    named = ", ".join(f"{text[:60]!r} ({count:,} rows)" for text, count in list(unknown.items())[:20])
    places = tuple(("stages", text) for text in unknown)
    return found, [Question(f"what do these stages mean, open, won, lost or ignored: {named}?", places)]


def _order(columns: Sequence[Evidence]) -> tuple[DateOrder | None, list[Question]]:
    """Whether the day or the month comes first, by all date columns together, and what has to be asked."""
    try:
        judged = [(one.name, dates.examine(one.values, one.name)) for one in columns]
    except MappingError as error:
        return None, [Question(f"{error}.")]
    proved: set[DateOrder] = {one.order for _, one in judged if one.order in ("dmy", "mdy")}
    doubtful = [(name, one.ambiguous) for name, one in judged if one.ambiguous]
    if len(proved) > 1:
        named = " and ".join(repr(name) for name, _ in judged)
        return None, [Question(f"the columns {named} write dates in two orders; export them alike")]
    if proved:
        return proved.pop(), []
    if doubtful:
        name, example = doubtful[0]
        text = f"is {example!r} in {name!r} day-first (dmy) or month-first (mdy)? No value of the column says."
        return None, [Question(text, (("dates",),))]
    return None, []


def _money(columns: dict[str, Any], found: dict[str, Evidence]) -> tuple[amounts.Mark | None, list[Question]]:
    """The decimal mark, and what has to be asked about amounts."""
    if "amount" not in columns:
        # Of a file that may be no export at all no word is quoted.
        return None, _of_unread_amounts(found) if set(REQUIRED) <= set(columns) else []
    values = found[columns["amount"]].values
    try:
        mark = amounts.decimal_mark(values, columns["amount"])
    except MappingError as error:
        return None, [Question(f"{error}.")]
    named = found[columns["currency"]].values if "currency" in columns else values
    currencies = sorted({code for code in map(amounts.currency, named) if code})
    if len(currencies) < 2:
        return mark, []
    text = f"what is one of {' and of '.join(currencies)} worth, in one currency for all? They are never added as they are."
    return mark, [Question(text, tuple(("rates", code) for code in currencies))]


def _of_unread_amounts(found: dict[str, Evidence]) -> list[Question]:
    """About a column that is called an amount and holds figures, but no amounts: without one, every win counts 0."""
    for one in _named("amount", found):
        unread = [text for text in one.values if amounts.read(text, ".") is None]
        if unread and one.figures > _MANY and one.dates < _MANY:
            asked = (
                f"is {one.name!r} the amount of a deal? {unread[0][:40]!r} cannot be read as one; null if it is none."
            )
            return [Question(asked, (("columns", "amount"),))]
    return []
