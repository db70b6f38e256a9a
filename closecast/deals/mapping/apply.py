"""Applies a mapping: from the table that was read to the columns and words of the contract."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.mapping import amounts, dates, words
from closecast.deals.mapping.document import DateOrder, Mapping, MappingError
from closecast.deals.mapping.evidence import Evidence
from closecast.deals.pseudonyms import UNKNOWN
from closecast.deals.reading.table import RawTable, SetAside, set_aside
from closecast.deals.vocabulary import TEAM_COLUMNS


@dataclass
class Mapped:
    """The deals in the contract's words.

    `frame` has RAW_COLUMNS and those of TEAM_COLUMNS that are mapped, as text, and the rows' numbers in the file as index;
    with `set_aside` it has every row. `notes` say, one sentence each, what was decided about the export.
    """

    frame: pd.DataFrame
    set_aside: tuple[SetAside, ...]
    order: DateOrder  # of the dates of creation
    currency: str | None  # of the amounts, by its code; None where neither they nor the mapping name it
    notes: list[str] = field(default_factory=list)


def apply(table: RawTable, mapping: Mapping) -> Mapped:
    """The deals of `table` in the contract's words.

    Won and Lost keep their close date; an open deal's close date is only expected, and its amount only hoped for, so
    both are left out. A lost deal is worth 0. A deal without a creation date that is open is still Prospecting. Rows
    whose stage is ignored or missing, rows of other pipelines and repeated rows are set aside. Raises MappingError where
    columns are not there, a stage has no meaning, or dates or amounts can be read in two ways.
    """
    frame = table.frame.apply(lambda column: column.str.strip())
    missing = [name for name in mapping.columns.used() if name not in frame]
    if missing:
        # Of a file that may be another one altogether, and somebody's secret, no word is quoted.
        is_known = len(missing) < len(mapping.columns.used())
        there = ", ".join(str(name)[:40] for name in list(frame.columns)[:40]) if is_known else "none of them"
        raise MappingError(f"the export lacks the mapping's columns {', '.join(map(repr, missing))}; it has {there}")
    work = _Work(frame, mapping, list(table.set_aside))
    work.leave_out_other_pipelines()
    work.leave_out_repetitions()
    meanings = work.meanings()
    frame = work.canonical(meanings)
    aside = tuple(sorted(work.aside, key=lambda one: one.row))
    return Mapped(frame, aside, work.orders[mapping.columns.created], work.currency, work.notes)


class _Work:
    """One application of a mapping to a frame without blanks around its cells."""

    def __init__(self, frame: pd.DataFrame, mapping: Mapping, aside: list[SetAside]) -> None:
        self.frame, self.mapping, self.columns, self.aside = frame, mapping, mapping.columns, aside
        self.notes: list[str] = []
        self.orders: dict[str, DateOrder] = {}  # of the columns of dates
        self.currency = mapping.currency

    def leave_out_other_pipelines(self) -> None:
        """Keep the deals of the mapping's pipelines; of all of them where it names none."""
        name = self.columns.pipeline
        if name is None:
            return
        found = self.frame[name].value_counts()
        if self.mapping.pipelines:
            self._leave_out(~self.frame[name].isin(self.mapping.pipelines).to_numpy(), "deal of another pipeline")
        elif len(found) > 1:
            counts = ", ".join(f"{pipeline} ({count:,})" for pipeline, count in found.head(5).items())
            self.notes.append(f"deals of all pipelines are used: {counts}; name `pipelines` to use some of them")

    def leave_out_repetitions(self) -> None:
        """Without an identifier, a row that repeats another one is the same deal."""
        if self.columns.opportunity_id is None:
            self._leave_out(self.frame.duplicated(keep="first").to_numpy(), "row that appears more than once")

    def meanings(self) -> NDArray[np.object_]:
        """Of each row that is left: open, won or lost."""
        stage = self.frame[self.columns.stage]
        unknown = Counter(stage[~stage.isin([*self.mapping.stages, ""])])
        if unknown:
            named = ", ".join(f"{text[:60]!r} ({count:,} rows)" for text, count in unknown.most_common(10))
            raise MappingError(
                f"the mapping gives no meaning to the stages {named}; say which are open, won, lost or ignored"
            )
        self._leave_out((stage == "").to_numpy(), "row without a stage")
        found = self.frame[self.columns.stage].map(self.mapping.stages).to_numpy(dtype=object)
        is_ignored = found == "ignored"
        for text in sorted(set(self.frame[self.columns.stage][is_ignored])):
            rows = (self.frame[self.columns.stage] == text).to_numpy()
            self._leave_out(rows, f"deal whose stage is ignored ({text[:60]})")
        meanings: NDArray[np.object_] = found[~is_ignored]
        return meanings

    def canonical(self, meanings: NDArray[np.object_]) -> pd.DataFrame:
        """The contract's columns."""
        closed = np.isin(meanings, ["won", "lost"])
        created = self._dates((self.columns.created,))
        ends = self._dates(self.columns.closes)
        expected = int(((ends != "") & ~closed).sum())
        if expected:
            self.notes.append(
                f"open deals that carry a close date: {expected:,}; it is expected, not an outcome, and not used"
            )
        self._note_expected_dates()
        stages = np.where(meanings == "won", "Won", np.where(meanings == "lost", "Lost", "Engaging"))
        stages = np.where(~closed & (created == ""), "Prospecting", stages)
        columns: dict[str, NDArray[np.object_]] = {
            "opportunity_id": self._identifiers(),
            "sales_agent": self._entity("sales_agent", UNKNOWN),
            "product": self._entity("product", UNKNOWN),
            "account": self._entity("account", ""),
            "deal_stage": stages,
            "engage_date": created,
            "close_date": np.where(closed, ends, ""),
            "close_value": self._amounts(meanings),
        }
        columns |= {use: self._entity(use, "") for use in TEAM_COLUMNS if getattr(self.columns, use) is not None}
        return pd.DataFrame(columns, index=self.frame.index, dtype=object)

    def _note_expected_dates(self) -> None:
        """Of a date that is expected an export has only the last value, which may be that of the close."""
        used = self.columns.used()
        names = [
            name
            for name in map(str, self.frame)
            if name not in used
            and words.EXPECTED.search(words.plain(name))
            and Evidence.of(self.frame, name).dates > 0.5
        ]
        if names:
            self.notes.append(
                f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not used: it may have been overwritten when the deal "
                "closed, and would leak; an expected close date is a feature only where a stage history says when it was known"
            )

    def _leave_out(self, rows: NDArray[np.bool_], reason: str) -> None:
        self.aside += set_aside(self.frame[rows], reason)
        self.frame = self.frame[~rows]

    def _identifiers(self) -> NDArray[np.object_]:
        if self.columns.opportunity_id is None:
            self.notes.append("there is no identifier: deals are called by their row in the file")
            return np.array([f"row {number}" for number in self.frame.index], dtype=object)
        return self.frame[self.columns.opportunity_id].to_numpy(dtype=object)

    def _entity(self, use: str, blank: str) -> NDArray[np.object_]:
        name = getattr(self.columns, use)
        if name is None:
            self.notes.append(f"there is no column for {use}: it is one {UNKNOWN!r} for all deals")
            return np.full(len(self.frame), UNKNOWN, dtype=object)
        values = self.frame[name].to_numpy(dtype=object)
        if blank and (lacking := int((values == "").sum())):
            self.notes.append(f"deals without {use}: {lacking:,}; it is {blank!r}")
        return np.where(values == "", blank, values)

    def _dates(self, names: tuple[str, ...]) -> NDArray[np.object_]:
        """The first filled one of the columns as YYYY-MM-DD; what is no date as it is, for the contract to refuse."""
        found = np.full(len(self.frame), "", dtype=object)
        for name in names:
            evidence = Evidence.of(self.frame, name)
            judged = dates.examine(evidence.values, name)
            order = self.mapping.dates or judged.order
            if order is None:
                raise MappingError(
                    f"{judged.ambiguous!r} in the column {name!r} can be day-first or month-first, and no value of it says "
                    "which; give `dates: dmy` or `dates: mdy` in the mapping"
                )
            self.orders[name] = order
            if judged.order in ("dmy", "mdy"):
                if order != judged.order:
                    raise MappingError(
                        f"the mapping says dates: {order}, and the column {name!r} is written {judged.order}"
                    )
                self.notes.append(f"{name} is written {'day' if order == 'dmy' else 'month'}-first")
            written = {text: dates.read(text, order, self.mapping.timezone) for text in evidence.values}
            values = self.frame[name].map({text: str(one) if one else text for text, one in written.items()} | {"": ""})
            found = np.where(found == "", values.to_numpy(dtype=object), found)
        return found

    def _amounts(self, meanings: NDArray[np.object_]) -> NDArray[np.object_]:
        """Of won deals; what is no amount as it is, for the contract to refuse."""
        values = np.where(meanings == "lost", "0", "").astype(object)
        won = meanings == "won"
        name = self.columns.amount
        if name is None:
            self.notes.append("there is no column for the amount: every deal that is won counts 0")
            return np.where(won, "0", values)
        mark = self.mapping.decimal_mark or amounts.decimal_mark(Evidence.of(self.frame, name).values, name)
        texts = self.frame[name].to_numpy(dtype=object)
        rates = self._rates(name)
        worth = [
            _number(amounts.read(text, mark), rate) or text for text, rate in zip(texts[won], rates[won], strict=True)
        ]
        values[won] = worth
        return values

    def _rates(self, amount: str) -> NDArray[np.float64]:
        """What one unit of each deal's currency is worth."""
        name = self.columns.currency or amount
        codes = {text: amounts.currency(text) for text in Evidence.of(self.frame, name).values}
        named = sorted({code for code in codes.values() if code})
        if not self.mapping.rates:
            if len(named) > 1:
                raise MappingError(
                    f"the amounts are in {', '.join(named)}; give `rates` in the mapping, what one of each is worth in "
                    "one currency: they are never added as they are"
                )
            if named and self.currency not in (None, *named):
                raise MappingError(f"the mapping says that amounts are in {self.currency}, and they name {named[0]}")
            self.currency = named[0] if named else self.currency
            return np.ones(len(self.frame))
        if self.currency is None:
            ones = [code for code, rate in self.mapping.rates.items() if rate == 1]
            self.currency = ones[0] if len(ones) == 1 else None
        if lacking := [code for code in named if code not in self.mapping.rates]:
            raise MappingError(f"the mapping has no rate for {', '.join(lacking)}")
        cells = self.frame[name].map(codes)
        if lacking_code := int(cells.isna().sum()):
            self.notes.append(f"{lacking_code:,} deals name no currency: their amounts are taken as they are")
        return np.array([self.mapping.rates.get(code, 1.0) for code in cells], dtype=np.float64)


def _number(amount: float | None, rate: float) -> str:
    return "" if amount is None else np.format_float_positional(amount * rate, trim="-")
