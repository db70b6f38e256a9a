"""Brings an export into the lake: as received, checked and typed, and the rejected rows with their reasons."""

from dataclasses import dataclass

import pandas as pd

from closecast.deals.contract import check
from closecast.platform.lake import Lake
from closecast.platform.sources import RawExport


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
    quality: float | None = None


def ingest(export: RawExport, lake: Lake) -> Ingested:
    """Store `export` in bronze/, its accepted deals in silver/, its rejected rows in quarantine/.

    Raises ContractError (closecast.deals.contract) after bronze/ is written when nothing can be accepted, and LakeError.
    """
    bronze_key = lake.put_parquet("bronze", export.frame)
    checked = check(export.frame)
    rejected = len(checked.rejected)
    return Ingested(
        deals=checked.accepted,
        source=export.name,
        source_sha256=export.sha256,
        bronze_key=bronze_key,
        silver_key=lake.put_parquet("silver", checked.accepted),
        quarantine_key=lake.put_parquet("quarantine", checked.rejected) if rejected else None,
        rows_accepted=len(checked.accepted),
        rows_rejected=rejected,
        summary=checked.summary(),
    )
