"""Schemas of the registered versions, and of how good one was on dates that it had not seen, as msgspec structs."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

Share = Annotated[float, Meta(ge=0, le=1)]


class RegisteredVersion(Struct, frozen=True):
    """A version of the registered model, and what was decided on it."""

    version: str
    run_id: str
    run: Annotated[str | None, Meta(description="The page of its run in MLflow")]
    made_at: datetime
    kind: Annotated[str | None, Meta(description="model or baseline")]
    data_as_of: str | None
    decision: Annotated[str | None, Meta(description="promoted, refused or in shadow; null while nothing is decided")]
    reasons: str | None
    decided_by: str | None
    role: Literal["champion", "shadow", "challenger"] | None


class RegisteredVersions(Struct, frozen=True):
    """Versions, the latest first."""

    versions: list[RegisteredVersion]


class Measured(Struct, frozen=True):
    """A measure with its 95 % interval."""

    value: float
    low: float
    high: float


class ReliabilityPoint(Struct, frozen=True):
    """Of `rows` with about this mean prediction, the share that was won."""

    predicted: Share
    won: Share
    rows: int


class GainPoint(Struct, frozen=True):
    """Of the `share` of rows with the highest chances, the share `found` of all wins."""

    share: Share
    found: Share


class TargetEvaluation(Struct, frozen=True):
    """How good a version was at one target, on rows that it had not seen; `log_loss` by model, the version's as candidate."""

    target: str
    rows: int
    share_won: Share
    log_loss: dict[str, Measured]
    reliability: list[ReliabilityPoint]
    gain: Annotated[list[GainPoint], Meta(description="Empty for versions made before this was measured")]


class GateCheck(Struct, frozen=True):
    """One check of the promotion gate, in a sentence."""

    sentence: str
    passed: bool


class Evaluation(Struct, frozen=True):
    """What the report of a version's training says."""

    version: str
    run_id: str
    promoted: bool
    checks: list[GateCheck]
    targets: list[TargetEvaluation]
