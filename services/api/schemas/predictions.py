"""Schemas of the REST API's requests and answers, as msgspec structs."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from closecast.deals.horizon import MAX_HORIZON_DAYS
from closecast.platform.request_limits import MOST_DEALS
from closecast.scoring.question import Quarter
from closecast.scoring.rules import MAX_TEXT

BoundedHorizon = Annotated[int, Meta(ge=1, le=MAX_HORIZON_DAYS)] | Literal["quarter_end"]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
MOST_ENTRIES = 200  # of one deal's stage history


class StageEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What became known of a deal on a day: its stage, the date on which its close is expected, or both."""

    changed: Annotated[Text, Meta(description="YYYY-MM-DD or M/D/YYYY", examples=["2017-10-02"])]
    stage: Annotated[Text | None, Meta(description="The stage that the deal entered")] = None
    expected_close: Annotated[Text | None, Meta(description="YYYY-MM-DD or M/D/YYYY")] = None


class Deal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A deal in the raw columns of the CRM export. Only the engage date is needed to score it."""

    engage_date: Annotated[Text | None, Meta(description="YYYY-MM-DD or M/D/YYYY", examples=["2017-11-20"])] = None
    opportunity_id: Text | None = None
    sales_agent: Annotated[Text | None, Meta(examples=["Ada Berg"])] = None
    product: Annotated[Text | None, Meta(examples=["GTX Pro"])] = None
    account: Text | None = None
    deal_stage: Annotated[Text | None, Meta(description="Engaging; a closed deal cannot be scored")] = None
    close_date: Text | None = None
    close_value: Text | float | None = None
    stage_history: Annotated[
        Annotated[tuple[StageEntry, ...], Meta(max_length=MOST_ENTRIES)] | None,
        Meta(
            description="Entries before as_of are used, if the model has learnt from stage histories. Default: the history "
            "that the model's data has of this opportunity_id."
        ),
    ] = None


class PredictionRequest(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One deal to score as of a date for a horizon."""

    deal: Deal
    as_of: Annotated[
        date | None, Meta(description="Closes on this day are known. Default: the last date of the model's data.")
    ] = None
    horizon: Annotated[BoundedHorizon, Meta(description='Days from as_of, or "quarter_end"')] = "quarter_end"


class BatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Many deals to score as of one date for one horizon."""

    deals: Annotated[
        list[dict[str, Any]],
        Meta(max_length=MOST_DEALS, description="Deals in raw columns, as for a single prediction"),
    ]
    as_of: date | None = None
    horizon: BoundedHorizon = "quarter_end"


Kind = Annotated[
    Literal["model", "baseline"],
    Meta(description="baseline: from age and calendar alone, because no model has beaten that yet"),
]


class ModelVersion(Struct, frozen=True, gc=False):
    """The model that answered."""

    name: str
    version: str
    run_id: Annotated[
        str | None,
        Meta(description="The model's MLflow run; version numbers can be reused, runs cannot"),
    ]
    kind: Annotated[Kind | None, Meta(description="null for a recorded prediction, which does not keep it")]


class Prediction(Struct, frozen=True, gc=False):
    """Chance that the deal closes Won after `as_of` and no later than `by`."""

    id: Annotated[UUID, Meta(description="Id of the recorded prediction: GET /v1/predictions/{id}")]
    probability: Annotated[float, Meta(ge=0, le=1)]
    as_of: date
    horizon_days: int
    by: date
    quarter: Quarter
    probabilities: Annotated[
        dict[str, float], Meta(description="Probabilities within 30, 60 and 90 days and by quarter end")
    ]
    model: ModelVersion
    request_id: str
    unseen: Annotated[
        list[str], Meta(description="Columns with values that the model has no history of; they are scored as new")
    ]


Points = Annotated[float, Meta(description="Contribution to the probability: 0.01 is one percentage point")]


class ExplanationBase(Struct, frozen=True):
    """The starting point of an explanation: a deal engaged on `as_of`, of unknown agent, product and account.

    Its probability is that of `POST /v1/predictions` for the same date and horizon.
    """

    probability: Annotated[float, Meta(ge=0, le=1)]
    sentence: str


class ExplanationGroup(Struct, frozen=True):
    """Features that belong together."""

    name: str
    title: str
    points: Points
    sentence: str


class ExplanationFeature(Struct, frozen=True):
    """One feature: its value, its contribution, and a sentence with both.

    A value equal to the base's contributes exactly 0.
    """

    name: str
    title: str
    group: str
    value: float
    base_value: Annotated[float, Meta(description="The starting point's value")]
    unit: str
    points: Points
    sentence: str


class Explanation(Struct, frozen=True):
    """The explanation of a deal's chance.

    The base's probability and the groups' points add up to the probability; the points of a group's features to the
    group's.
    """

    probability: Annotated[float, Meta(ge=0, le=1)]
    as_of: date
    horizon_days: int
    by: date
    quarter: Quarter
    base: ExplanationBase
    groups: list[ExplanationGroup]
    features: list[ExplanationFeature]
    model: ModelVersion
    request_id: str


class ScoredDeal(Struct, frozen=True, omit_defaults=True, gc=False):
    """One deal of a batch: its probability, or the reason in `error` why it has none."""

    row: Annotated[int, Meta(description="Position in the request, from 0")]
    opportunity_id: str | None = None
    sales_agent: str | None = None
    product: str | None = None
    account: str | None = None
    engage_date: date | None = None
    probability: float | None = None
    unseen: Annotated[tuple[str, ...], Meta(description="As in a single prediction")] = ()
    error: dict[str, Any] | None = None


class BatchPrediction(Struct, frozen=True):
    """The deals of a batch in the order of the request."""

    id: Annotated[UUID, Meta(description="Id of the recorded predictions: GET /v1/predictions/{id}?row=…")]
    model: ModelVersion
    as_of: date
    horizon_days: int
    by: date
    quarter: Quarter
    predictions: list[ScoredDeal]


class OpenDeal(Struct, frozen=True):
    """An open deal of the data that the model knows."""

    opportunity_id: str
    sales_agent: str
    product: str
    account: str | None
    manager: Annotated[str | None, Meta(description="Who leads the agent, where the data tell")]
    region: Annotated[str | None, Meta(description="Where the data tell")]
    engage_date: date
    age_days: int
    probability: float
    price: Annotated[float | None, Meta(description="What the product is usually won at; null if none was won")]
    probability_before: Annotated[
        float | None, Meta(description="With weeks_back: the chance then, by the same date; null if not engaged then")
    ]
    alike: Annotated[
        int,
        Meta(description="Past deals that were open at this age, by whose share of wins the chance can be checked"),
    ]


class PipelineCounts(Struct, frozen=True):
    """Counts of open deals:

    `open` ones can be ranked, of which `matching` were asked for; `not_scorable` ones are still Prospecting, or break the
    contract.
    """

    open: int
    matching: int
    not_scorable: int


class PipelineChoices(Struct, frozen=True):
    """The names that open deals have, in alphabetical order, at most 1,000 of each."""

    sales_agent: list[str]
    product: list[str]
    manager: Annotated[list[str], Meta(description="Empty where the data have none, as those of regions")]
    region: list[str]


class Pipeline(Struct, frozen=True):
    """The open deals in order, and the sums over all that match: of probabilities, and of probabilities times prices."""

    as_of: date
    horizon_days: int
    by: date
    quarter: Quarter
    model: ModelVersion
    counts: PipelineCounts
    choices: PipelineChoices
    expected_wins: float
    expected_value: float
    deals: list[OpenDeal]


class Model(Struct, frozen=True):
    """The model that serves, and its origin."""

    name: str
    version: str
    run_id: str
    sha256: Annotated[str, Meta(description="SHA-256 of the model's manifest")]
    alias: str
    kind: Kind
    trained_at: datetime
    source: str
    source_sha256: str
    data_as_of: date
    fiscal_year_start: Annotated[int, Meta(ge=1, le=12, description="Month with which the fiscal year begins")]
    currency: Annotated[
        str | None, Meta(description="Of amounts, as an ISO 4217 code; null where the data do not tell")
    ]
    features: list[str]
    metrics: dict[str, float]
    reference_metrics: dict[str, float]
    rows: dict[str, int]
    note: str
    git_commit: str | None = None
    registry_problem: Annotated[str | None, Meta(description="Why the registry cannot be polled now")] = None


class Health(Struct, frozen=True, omit_defaults=True):
    """State of this instance."""

    status: Literal["live", "starting", "started", "ready", "not ready"]
    model_version: str | None = None
    reason: str | None = None
