"""Inspect an export for what is read, used and noticed, and for whether a model can be trained on it."""

from collections import Counter
from contextlib import suppress

from closecast.deals import contract, quality
from closecast.deals.eda.leaks import column_probes
from closecast.deals.mapping.special import special_deals
from closecast.features.history import ENTITIES
from closecast.models.data import Data, NotEnoughDataError
from closecast.models.evidence import Export, odd_dates
from closecast.platform.sources.export import RawExport
from closecast.platform.sources.findings import MOST_PROBLEMS, Findings, Leak, RowProblem, Rows


def findings(export: RawExport, checked: contract.CheckedDeals) -> Findings:
    """Look at `export`, whose rows were `checked`."""
    score = quality.assess(export.frame, checked)
    aside: Counter[str] = Counter(one.reason for one in export.read.set_aside) if export.read else Counter()
    rejected: Counter[str] = Counter(
        reason for reasons in checked.rejected.get("reasons", []) for reason in str(reasons).split("; ")
    )
    used = export.read.mapping.columns.used() if export.read and export.read.mapping else {}
    return Findings(
        export.name,
        export.read.read_as if export.read else "",
        export.read.decided if export.read else [],
        used,
        Rows(
            len(export.frame) + export.set_aside,
            len(checked.accepted),
            dict(rejected.most_common()),
            dict(aside.most_common()),
        ),
        {str(stage): int(count) for stage, count in checked.accepted["deal_stage"].value_counts().items()},
        score.as_dict(),
        _noticed(export, checked, rejected),
        _leaks(export, used),
        _problems(export, checked),
        shortfalls(checked, score),
    )


def shortfalls(checked: contract.CheckedDeals, score: quality.Quality) -> list[str]:
    """Why no model can be trained, each reason in a sentence."""
    found = []
    try:
        quality.require(score)
    except quality.QualityError as error:
        found.append(str(error))
    try:
        found += Export.of(Data(checked.accepted)).shortfalls().values()
    except NotEnoughDataError as error:
        found.append(str(error))
    return found


def _noticed(export: RawExport, checked: contract.CheckedDeals, rejected: Counter[str]) -> list[str]:
    """What is odd or special about the deals, each in a sentence that says what may have happened or is done about it."""
    found = []
    early = rejected["close_date is before engage_date"]
    if early:
        found.append(
            f"deals that close before they were created: {early:,}; an import sets the creation date to the day of the import; "
            "export the date on which the deal began, if the CRM has it in another column"
        )
    if export.read is not None:
        raw = export.read.table.frame.loc[export.read.rows]
        found += [one.sentence for one in special_deals(raw, export.read.mapping, checked.accepted)]
    with suppress(NotEnoughDataError):  # which is told as a shortfall
        found += odd_dates(Data(checked.accepted))
    return found


def _problems(export: RawExport, checked: contract.CheckedDeals) -> list[RowProblem]:
    """The rows that are not used; none for made-up deals, which are in no file."""
    if export.read is None:
        return []
    rejected = checked.rejected
    found = [RowProblem(one.row, one.reason) for one in export.read.set_aside]
    if len(rejected):
        rows = export.read.rows[rejected.index]
        found += [RowProblem(int(row), str(reasons)) for row, reasons in zip(rows, rejected["reasons"], strict=True)]
    return sorted(found, key=lambda one: one.row)[:MOST_PROBLEMS]


def _leaks(export: RawExport, mapping: dict[str, str]) -> list[Leak]:
    """Columns of the file as it was read that tell won from lost deals by themselves."""
    if export.read is None:
        return []
    raw = export.read.table.frame.loc[export.read.rows].reset_index(drop=True)
    stage = export.frame["deal_stage"]
    closed = stage.isin(["Won", "Lost"])
    probes = column_probes(raw, (stage == "Won")[closed])
    return [
        Leak(
            one.column,
            round(one.auc or 0.0, 3),
            one.why,
            mapping.get(one.column, "" if mapping else one.column) in ENTITIES,
        )
        for one in probes
        if one.flagged
    ]
