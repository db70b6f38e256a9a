"""Schemas of rollbacks and of the champions' history, as msgspec structs."""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

Version = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,9}$", max_length=10, examples=["3"])]


class RollbackRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The version to make champion again."""

    version: Annotated[Version | None, Meta(description="Default: the champion before the present one")] = None
    expected: Annotated[
        Annotated[str, Meta(pattern=r"^([1-9][0-9]{0,9}|none)$", max_length=10)] | None,
        Meta(
            description="The version that is champion now as far as the caller knows, `none` where there is none; if "
            "it is another one, nothing is changed (412). May be left out in a dry run only",
            examples=["4"],
        ),
    ] = None
    force: Annotated[bool, Meta(description="Overrule objections that are not final")] = False
    dry_run: Annotated[bool, Meta(description="Only say what would be done")] = False


class ModelIdentity(Struct, frozen=True):
    """A registered model. Version numbers can be reused, runs cannot."""

    version: str
    run_id: str
    sha256: Annotated[str | None, Meta(description="Of its manifest")]


class ObjectionFacts(Struct, frozen=True):
    """Why the version should not serve, and what to do about it."""

    detail: str
    remedy: str
    final: Annotated[bool, Meta(description="`force` does not overrule it: no service would load the model")]


class RollbackAnswer(Struct, frozen=True):
    """What was done, or would be."""

    done: Annotated[bool, Meta(description="false in a dry run, and where the version is champion already")]
    champion: Annotated[ModelIdentity | None, Meta(description="The champion before; null where there was none")]
    target: Annotated[ModelIdentity, Meta(description="The version that is, or would be, champion")]
    objections: Annotated[list[ObjectionFacts], Meta(description="In a dry run; else those that were overruled")]
    notes: Annotated[list[str], Meta(description="What else to know, for example that it cannot be compared")]


class CalibrationBin(Struct, frozen=True):
    """The deals whose chance was from `low` up to `high`."""

    low: float
    high: float
    deals: int
    won: int
    mean_probability: float


class JudgedAnswers(Struct, frozen=True):
    """How good matured predictions were, by deal: of several, the one whose horizon is nearest to 30 days counts."""

    predictions: Annotated[int, Meta(description="That matured")]
    deals: Annotated[int, Meta(description="That these are of; all figures below are by deal")]
    won: int
    log_loss: Annotated[float, Meta(description="In nats; lower is better")]
    expected_log_loss: Annotated[float, Meta(description="The log loss if each chance is right")]
    calibration_error: Annotated[float, Meta(description="Mean distance of chance and share won, over the bins")]
    bins: Annotated[list[CalibrationBin], Meta(max_length=10)]


class WaitingAnswers(Struct, frozen=True):
    """Predictions whose horizon has not passed, or up to whose end closes are not known yet."""

    predictions: int
    first: Annotated[date, Meta(description="The first day on which one matures")]
    last: Annotated[date, Meta(description="The day on which the last one matures")]


class ChampionSince(Struct, frozen=True):
    """When and how the model became champion, last before the end of the day."""

    since: datetime
    until: Annotated[datetime | None, Meta(description="null while it is champion")]
    how: Annotated[
        Literal["promoted", "rolled back", "seen"],
        Meta(description="seen: the alias was moved in MLflow, by hand or before this was recorded"),
    ]
    by: Annotated[str, Meta(description="Who moved the alias; of one that was seen, the instance that saw it first")]
    decision: Annotated[str, Meta(description="The gate's reasons, or what was overruled; empty if there are none")]


class ChampionModel(Struct, frozen=True):
    """A model that was champion for a time."""

    version: str
    run_id: str
    run: Annotated[str | None, Meta(description="Its run's page in MLflow")]
    champion: ChampionSince


class Champions(Struct, frozen=True):
    """The champions, the latest first; one that came back is there again."""

    champions: list[ChampionModel]


class AnsweringModel(Struct, frozen=True):
    """A model and its answers of the day."""

    version: str
    run_id: Annotated[str | None, Meta(description="null in records of earlier versions of Closecast")]
    run: Annotated[str | None, Meta(description="Its run's page in MLflow")]
    predictions: int
    judged: Annotated[JudgedAnswers | None, Meta(description="null while none has matured")]
    waiting: Annotated[WaitingAnswers | None, Meta(description="null when none waits")]
    not_judged: Annotated[
        int, Meta(description="Never judged: without a deal's identifier, of an unknown or closed deal, or repeated")
    ]
    champion: Annotated[ChampionSince | None, Meta(description="null if it is not recorded as champion")]


class ModelHistory(Struct, frozen=True):
    """The models that answered on a day, most predictions first, and champions of that day that answered nothing."""

    day: Annotated[date, Meta(description="In UTC")]
    models: list[AnsweringModel]
