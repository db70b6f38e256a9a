"""How an instance of the API and what it needs are doing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.ui.responses.numbers import numbers, optional


@dataclass(frozen=True)
class Dependency:
    """Something that the API needs: how long its answer took, or what is wrong."""

    name: str
    milliseconds: float | None
    problem: str | None


@dataclass(frozen=True)
class Route:
    """Requests of one route since the instance began."""

    route: str
    requests: int
    failed: int
    median_ms: float
    p99_ms: float


@dataclass(frozen=True)
class LastRun:
    """The last run of a flow that has ended: `state` is completed, failed or crashed."""

    flow: str
    state: str
    ended_at: datetime
    seconds: float | None  # None for a run that never began
    message: str
    page: str


@dataclass(frozen=True)
class Operations:
    """One instance of the API."""

    instance: str
    since: datetime
    model_version: str | None
    model_problem: str | None
    dependencies: tuple[Dependency, ...]
    routes: tuple[Route, ...]
    figures: dict[str, float]
    runs: tuple[LastRun, ...] | None  # None while they are not known

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Operations":
        return cls(
            instance=str(content["instance"]),
            since=datetime.fromisoformat(content["since"]),
            model_version=content["model_version"],
            model_problem=content["model_problem"],
            dependencies=tuple(
                Dependency(str(one["name"]), optional(one["milliseconds"]), one["problem"])
                for one in content["dependencies"]
            ),
            routes=tuple(
                Route(
                    str(one["route"]),
                    int(one["requests"]),
                    int(one["failed"]),
                    float(one["median_ms"]),
                    float(one["p99_ms"]),
                )
                for one in content["routes"]
            ),
            figures=numbers(content["figures"]),
            runs=None if content["runs"] is None else tuple(map(_last_run, content["runs"])),
        )


def _last_run(content: dict[str, Any]) -> LastRun:
    ended, started = datetime.fromisoformat(content["ended_at"]), content["started_at"]
    return LastRun(
        flow=str(content["flow"]),
        state=str(content["state"]),
        ended_at=ended,
        seconds=None if started is None else (ended - datetime.fromisoformat(started)).total_seconds(),
        message=str(content["message"]),
        page=str(content["page"]),
    )
