"""The flow `evaluate`: measure a candidate against the baselines and the gate at one or more cuts, without registering it."""

from datetime import date
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from closecast.deals.calendar import FiscalCalendar
from closecast.models import candidate as candidates
from closecast.platform.lake import ingestion
from closecast.platform.measuring import judge_alone
from closecast.platform.runtime import processors
from flows import steps
from flows.train import baseline_table


@task(cache_policy=NO_CACHE, timeout_seconds=3600)
def at_cut(data: ingestion.Ingested, cut: date | None, seed: int, fiscal: FiscalCalendar) -> dict[str, Any]:
    """Compute all figures at one cut, and the gate's decision."""
    return judge_alone(candidates.build(data.deals, seed, processors.usable(), cut=cut, fiscal=fiscal)).report


@flow(name="evaluate", timeout_seconds=7200, validate_parameters=True)
def evaluate(
    source: str | None = None,
    cuts: list[date] | None = None,
    seed: int = 7,
    as_of: date | None = None,
    fiscal_year_start: steps.FirstMonth | None = None,
    mapping: str | None = None,
) -> list[dict[str, Any]]:
    """Measure at each of `cuts` (by default the plan's own) and keep the tables of baselines as artifacts.

    The default fiscal year is the mapping's, or else the champion's. `mapping` is the text of a mapping file
    (docs/mapping.md).
    """
    export = steps.read(source, seed, mapping)
    data = steps.ingest(export, as_of=as_of)
    wanted: list[date | None] = [*cuts] if cuts else [None]
    fiscal = steps.fiscal_calendar(fiscal_year_start or export.fiscal_year_start)
    reports = [at_cut(data, cut, seed, fiscal) for cut in wanted]
    for report in reports:
        cut = report["plan"]["cut"]
        verdict = "would pass" if report["decision"]["promoted"] else "would be refused"
        create_table_artifact(
            table=baseline_table(report), key=f"evaluation-{cut}", description=f"Cut {cut}: {verdict}"
        )
    return reports


if __name__ == "__main__":
    evaluate()
