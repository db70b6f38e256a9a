"""Who may replace whom: which champions a candidate can be compared with, and whose place it may take.

Made-up data never replace a champion that learnt from real ones.
"""

import pandas as pd

from closecast.deals.pseudonyms import UNKNOWN
from closecast.features.history import ENTITIES
from closecast.models.card import BASELINE, ModelCard
from closecast.models.check import Check

_OF_REAL_DATA = ("file", "s3", "kaggle")
_SHARED_DEALS = 0.01


def incomparable(candidate: ModelCard, champion: ModelCard) -> str | None:
    """The reason why the champion's twin cannot be measured on the candidate's held-out rows; None when it can."""
    if champion.source == candidate.source and champion.cut > candidate.cut:
        return f"the champion's cut, {champion.cut}, is after the candidate's, {candidate.cut}: it knows rows held out here"
    if champion.fiscal.phase != candidate.fiscal.phase:
        return (
            f"the champion's quarters end in other months: its fiscal year begins with month {champion.fiscal_year_start}, "
            f"the candidate's with month {candidate.fiscal_year_start}"
        )
    if not _is_real(champion.source) and _is_real(candidate.source):
        return f"the champion was trained on made-up data ({champion.source})"
    return None


def origin(candidate: ModelCard, champion_source: str | None) -> Check:
    """Check that a model of made-up data does not replace one of real data or of unknown source (None)."""
    barred = not _is_real(candidate.source) and (champion_source is None or _is_real(champion_source))
    verb = "may not" if barred else "may"
    source = champion_source or "a source that neither its card nor the registry's tag `source` tells any more"
    return Check("origin", not barred, f"data from {candidate.source} {verb} replace a champion from {source}")


def are_other_deals(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Whether two tables of deals are of different companies: no name in common, and hardly a deal.

    Both have the contract's columns. Names are those of agents, products and accounts. One deal in a hundred may have
    the identifier and the day of another company's: where a CRM gives none, identifiers are numbers of rows.
    """
    for name in ENTITIES:
        if not set(ours[name].dropna()).isdisjoint(set(theirs[name].dropna()) - {UNKNOWN}):
            return False
    keys = [pd.MultiIndex.from_frame(one[["opportunity_id", "engage_date"]]) for one in (ours, theirs)]
    return bool(keys[1].isin(keys[0]).mean() < _SHARED_DEALS)


def is_vacant(candidate: ModelCard, champion: ModelCard | None, has_other_deals: bool = False) -> bool:
    """Whether a baseline of the candidate's data may serve where the candidate was refused.

    It may where nothing serves (None: nothing that can be read), or another baseline, or a model of made-up data beside
    real ones, or one that `has_other_deals` (`are_other_deals`). It never replaces a model of the same deals that was
    promoted on evidence.
    """
    if champion is None or champion.kind == BASELINE or has_other_deals:
        return True
    return _is_real(candidate.source) and not _is_real(champion.source)


def _is_real(source: str) -> bool:
    return source.split(":")[0] in _OF_REAL_DATA
