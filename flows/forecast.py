"""The flow `forecast`: record the quarter's forecast, and what forecasts of past weeks would have said."""

from contextlib import closing
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact

from closecast.deals.horizon import quarter_ahead
from closecast.forecast.chances import ModelChances
from closecast.forecast.expectation import expect
from closecast.forecast.hindsight import Hindsight
from closecast.forecast.past import Forecast, judged
from closecast.models.data import NotEnoughDataError
from closecast.platform import forecasts
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.mlflow.identity import Served
from closecast.platform.mlflow.registry import NoChampionError
from closecast.platform.runtime import processors
from flows import steps

_WEEKS_AT_ONCE = 13  # stored together: what was made stays when the run ends early


@steps.retried(timeout_seconds=7200)
def weeks(hindsight: Hindsight, source: str) -> int:
    """Make and store the forecasts of past weeks that are not stored yet; returns how many weeks."""
    with closing(steps.monitoring()) as connection:
        known = forecasts.made_afterwards(connection, source, hindsight.ledger)
    missing = [day for day in hindsight.dates() if day not in known]
    count = 0
    for begin in range(0, len(missing), _WEEKS_AT_ONCE):
        made = [hindsight.forecasts(day) for day in missing[begin : begin + _WEEKS_AT_ONCE]]
        with closing(steps.monitoring()) as connection:
            forecasts.store(connection, source, (one for week in made for one in week), hindsight.ledger)
        count += sum(bool(week) for week in made)
    return count


@steps.retried(timeout_seconds=1800)
def today(hindsight: Hindsight, source: str) -> str:
    """Record what the served model expects of the quarter ahead; returns what was done, in words."""
    with TemporaryDirectory() as scratch:
        try:
            served: Served = steps.registry().champion(Path(scratch))
        except NoChampionError:
            return "no model serves yet: only forecasts of past weeks are stored"
    if served.model.card.source != source:
        return f"version {served.identity.version} was trained on other deals: no forecast of it is stored"
    data, ledger = hindsight.data, hindsight.ledger
    chances = ModelChances(ledger, served.model.scorer, data.builder)
    as_of = data.plan.end
    end = quarter_ahead(as_of, served.model.card.fiscal)[1]
    expected = expect(ledger, data.builder.history, chances, as_of, end)
    with closing(steps.monitoring()) as connection:
        forecasts.store(connection, source, [Forecast.of(expected, served.identity.run_id)], ledger)
    return f"as of {as_of}, version {served.identity.version} expects {expected.cents / 100:,.2f} more by {end}"


@flow(name="forecast", timeout_seconds=7200, validate_parameters=True)
def forecast(
    source: str | None = None, seed: int = 7, as_of: date | None = None, mapping: str | None = None
) -> dict[str, Any]:
    """Record the forecast of the served model, and make those of past weeks, each by a model of what was known then.

    `source` is by default the platform's own. What is stored already is not made again, so the first run takes longest.
    Returns {"source", "weeks_made", "today", "weeks_judged", "within"}: `within` is the share of the past quarters'
    results that lay inside their forecast's interval, None while none is known.
    """
    data: Ingested = steps.ingest(steps.read(source, seed, mapping), as_of=as_of)
    try:
        hindsight = Hindsight(data.deals, steps.fiscal_calendar(None), seed, processors.usable())
    except NotEnoughDataError as error:
        get_run_logger().info("no forecast is stored: %s", error)
        return {"source": data.source, "weeks_made": 0, "today": str(error), "weeks_judged": 0, "within": None}
    made = weeks(hindsight, data.source)
    result = {
        "source": data.source,
        "weeks_made": made,
        "today": today(hindsight, data.source),
        **_kept(hindsight, data),
    }
    get_run_logger().info("%s", result)
    create_markdown_artifact(
        markdown="\n".join(["# Forecasts", "", *(f"- {name}: {value}" for name, value in result.items())]),
        key="forecast-report",
    )
    return result


def _kept(hindsight: Hindsight, data: Ingested) -> dict[str, Any]:
    """How many past forecasts are known to be right or wrong, and which share had the result within its interval."""
    with closing(steps.monitoring()) as connection:
        made = forecasts.load(connection, data.source)
    over = [
        one
        for one in judged(hindsight.ledger, made, hindsight.data.plan.end, hindsight.data.fiscal)
        if one.actual_cents is not None
    ]
    inside = sum(bool(one.is_within) for one in over)
    return {"weeks_judged": len(over), "within": round(inside / len(over), 3) if over else None}


if __name__ == "__main__":
    forecast()
