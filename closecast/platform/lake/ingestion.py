"""Ingest an export into the lake: raw, accepted and typed, and rejected rows in quarantine with their reasons."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from closecast.deals import contract, dates, pseudonyms, quality, schema, span, vocabulary
from closecast.deals.mapping import apply, teams
from closecast.deals.quality import Quality
from closecast.deals.snapshots import data_end
from closecast.platform.lake import online
from closecast.platform.lake.store import Lake
from closecast.platform.sources.export import RawExport

MINIMUM_QUALITY = quality.MINIMUM


@dataclass(frozen=True)
class Ingested:
    """An export in the lake, and its accepted deals."""

    deals: pd.DataFrame
    source: str
    source_sha256: str
    bronze_key: str
    silver_key: str
    quarantine_key: str | None  # None when no row was rejected
    rows_accepted: int
    rows_rejected: int
    summary: str
    quality: Quality
    mapping: str | None = None  # by which its CRM's own columns are read
    currency: str | None = None  # of the amounts, where the export or its mapping names it
    skipped: bool = False  # nothing was done: the lake had it from an earlier time
    pseudonymised: tuple[str, ...] = ()  # columns of `deals` that hold pseudonyms


def ingest(
    export: RawExport, lake: Lake, minimum_quality: float = MINIMUM_QUALITY, as_of: date | None = None
) -> Ingested:
    """Store `export` in bronze/, its accepted deals in silver/, and its rejected rows in quarantine/.

    Services then use the accepted deals (closecast.platform.lake.online). Rows received = rows accepted + rows in
    quarantine. An export that was ingested before under the same rules is not checked again. `as_of` is the last date
    that may occur in it, if the user gives one. Raises ContractError (closecast.deals.contract) when no row is
    acceptable, QualityError (closecast.deals.quality) when the quality is below `minimum_quality`, both after bronze/
    and quarantine/ are written; and LakeError.
    """
    step = f"steps/ingest-{_fingerprint(export, as_of)}.json"
    known = lake.read_text(step)
    if known is not None:
        return _announced(_known(export, json.loads(known), lake, minimum_quality), lake, as_of)
    bronze_key = lake.put_parquet("bronze", export.frame)
    checked = contract.check(export.frame, as_of)
    accepted, rejected = len(checked.accepted), len(checked.rejected)
    if accepted + rejected != len(export.frame):
        raise contract.ContractError(
            f"{len(export.frame)} rows came in, but {accepted} were accepted and {rejected} set aside: report this"
        )
    quarantine_key = lake.put_parquet("quarantine", checked.rejected) if rejected else None
    found = quality.assess(export.frame, checked)
    quality.require(found, minimum_quality)
    facts: dict[str, Any] = {
        "bronze_key": bronze_key,
        "silver_key": lake.put_parquet("silver", checked.accepted),
        "quarantine_key": quarantine_key,
        "rows_accepted": accepted,
        "rows_rejected": rejected,
        "summary": checked.summary(),
        "quality": {name: value for name, value in found.as_dict().items() if name != "score"},
    }
    lake.put_text(step, json.dumps(facts))
    return _announced(_ingested(export, checked.accepted, facts, skipped=False), lake, as_of)


def _announced(data: Ingested, lake: Lake, as_of: date | None) -> Ingested:
    if data.deals["engage_date"].notna().any():  # deals that are all Prospecting have no history
        newest = online.Newest(data.source, data.silver_key, data_end(data.deals), data.pseudonymised)
        online.announce(lake, newest, vouched=as_of is not None)
    return data


def _known(export: RawExport, facts: dict[str, Any], lake: Lake, minimum_quality: float) -> Ingested:
    quality.require(Quality(**facts["quality"]), minimum_quality)
    return _ingested(export, lake.read_parquet(facts["silver_key"]), facts, skipped=True)


def _ingested(export: RawExport, deals: pd.DataFrame, facts: dict[str, Any], skipped: bool) -> Ingested:
    known = {**facts, "quality": Quality(**facts["quality"])}
    deals = deals.reset_index(drop=True)  # as it comes back from the lake
    mapping = export.read.of_deals if export.read else None
    return Ingested(
        deals=deals,
        source=export.name,
        source_sha256=export.sha256,
        mapping=mapping,
        currency=export.read.currency if export.read else None,
        skipped=skipped,
        pseudonymised=export.pseudonymised,
        **known,
    )


def _fingerprint(export: RawExport, as_of: date | None) -> str:
    """A fingerprint of the export's bytes, the rules and `as_of`: changed rules cause a new check."""
    rules = b"".join(
        Path(str(module.__file__)).read_bytes()
        for module in (vocabulary, contract, dates, schema, span, quality, apply, teams, pseudonyms)
    )
    facts = export.fingerprint + hashlib.sha256(rules).digest() + str(as_of or "").encode()
    return hashlib.sha256(facts).hexdigest()[:32]
