"""The flow `eda`: write an exploratory report of a source, as an HTML page in MLflow and a Prefect artifact."""

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_table_artifact

from closecast.deals.eda import report
from closecast.platform.lake import ingestion
from closecast.platform.mlflow import tracking
from flows import steps


@steps.retried()
def write(data: ingestion.Ingested) -> str:
    """Write the report into a new MLflow run; returns the address of the page."""
    html = report.report(data.deals, data.quality, data.source)
    uri = steps.tracking_uri()
    with tracking.started(uri, f"eda {data.source}") as run, tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "eda.html").write_text(html)
        run.log_folder(Path(scratch), "eda")
        run.log({}, {"quality": data.quality.score}, {"source": data.source, "source_sha256": data.source_sha256})
    return f"{uri}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts"


@flow(name="eda", timeout_seconds=3600, validate_parameters=True)
def eda(
    source: str | None = None, seed: int = 7, as_of: date | None = None, mapping: str | None = None
) -> dict[str, Any]:
    """Report distributions, nulls, win rates by phase of the quarter and deal age, and leakage probes."""
    data = steps.ingest(steps.read(source, seed, mapping), as_of=as_of)
    address = write(data)
    create_link_artifact(link=address, link_text=f"exploratory report of {data.source}", key="eda-report")
    create_table_artifact(
        table=data.quality.table(), key="eda-quality", description=f"Quality {data.quality.score:.3f}"
    )
    return {"source": data.source, "report": address, "quality": data.quality.score}


if __name__ == "__main__":
    eda()
