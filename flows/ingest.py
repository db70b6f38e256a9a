"""The flow `ingest`: check a source and store it in the lake, with the rejected rows and their reasons."""

from datetime import date
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import Field

from closecast.platform.lake.ingestion import MINIMUM_QUALITY, Ingested
from flows import steps


@flow(name="ingest", timeout_seconds=3600, validate_parameters=True)
def ingest(
    source: str | None = None,
    seed: int = 7,
    minimum_quality: Annotated[float, Field(ge=0, le=1)] = MINIMUM_QUALITY,
    as_of: date | None = None,
    mapping: str | None = None,
) -> dict[str, Any]:
    """Store `source` in bronze/, its accepted deals in silver/, its rejected rows in quarantine/; fail on a bad export.

    Rows with dates after `as_of` are rejected; without it, those far after all other dates.
    `mapping` is the text of a mapping file (docs/mapping.md).
    """
    data = steps.ingest(steps.read(source, seed, mapping), minimum_quality, as_of)
    result = summary(data)
    create_markdown_artifact(
        markdown="\n".join(
            [f"# {data.source}", "", data.summary, "", *(f"- {key}: `{value}`" for key, value in result.items())]
        ),
        key="ingest-report",
    )
    return result


def summary(data: Ingested) -> dict[str, Any]:
    """What was stored, with its keys, as plain data."""
    return {
        "source": data.source,
        "sha256": data.source_sha256,
        "bronze": data.bronze_key,
        "silver": data.silver_key,
        "quarantine": data.quarantine_key,
        "rows_accepted": data.rows_accepted,
        "rows_quarantined": data.rows_rejected,
        "quality": data.quality.score,
        "skipped": data.skipped,
    }


if __name__ == "__main__":
    ingest()
