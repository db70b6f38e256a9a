"""Schemas of monitoring's verdicts, as msgspec structs."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class Said(Struct, frozen=True):
    """A verdict on the model that served, and why."""

    number: int
    day: Annotated[date, Meta(description="The last day that was looked at")]
    verdict: Literal["steady", "shifted", "harmful, estimated", "harmful, proved", "not judged"]
    reasons: list[str]
    version: str
    run_id: Annotated[str, Meta(description="Of the model")]
    said_at: datetime
    reports: Annotated[
        str | None,
        Meta(description="MLflow's page with Evidently's reports; null once they are deleted, after 90 days"),
    ]
    figures: Annotated[
        dict[str, Any],
        Meta(description="What was found: looks by kind of deals, the expected log loss, and months with outcomes"),
    ]


class Verdicts(Struct, frozen=True):
    """Verdicts, the latest day first."""

    verdicts: list[Said]
