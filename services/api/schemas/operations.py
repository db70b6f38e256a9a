"""Schemas of how an instance of the API and what it needs are doing, as msgspec structs."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from closecast.platform.flow_runs import State

Milliseconds = Annotated[float, Meta(ge=0)]


class Dependency(Struct, frozen=True):
    """Something that the API needs, asked just now."""

    name: str
    milliseconds: Annotated[float | None, Meta(description="How long its answer took; null without an answer")]
    problem: str | None


class RouteFigures(Struct, frozen=True):
    """Requests of one route since the instance began; times are read from a histogram, as upper bounds."""

    route: str
    requests: int
    failed: Annotated[int, Meta(description="Answered with a status of 5xx")]
    median_ms: Milliseconds
    p99_ms: Milliseconds


class LastRun(Struct, frozen=True):
    """The last run of a flow that has ended."""

    flow: str
    name: str
    state: State
    message: str
    started_at: datetime | None
    ended_at: datetime
    page: Annotated[str, Meta(description="Of the run in Prefect")]


class Operations(Struct, frozen=True):
    """One instance of the API: since when it runs, what it needs, what it has answered, and its other figures."""

    instance: str
    since: datetime
    model_version: str | None
    model_problem: str | None
    dependencies: list[Dependency]
    routes: list[RouteFigures]
    figures: Annotated[dict[str, float], Meta(description="As in its metrics: journal, batches, explanations")]
    runs: Annotated[
        list[LastRun] | None, Meta(description="By flow, the latest first; null while the database is away")
    ]
