"""What a person types becomes what the flow's own schema asks for, or is refused with what would be right."""

from datetime import date
from enum import Enum
from functools import cache
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from ops.errors import OperatorError
from ops.prefect.parameters import typed


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Box(BaseModel):
    width: int


def wide(
    text: str,
    flag: bool = False,
    share: float | None = None,
    size: Size = Size.SMALL,
    step: Literal[1, 2] = 1,
    numbers: list[int] | None = None,
    box: Box | None = None,
    one_of: int | str = 3,
    day: date | Literal["never"] | None = None,
) -> None:
    """A flow with every kind of parameter."""


def _deployment(flow: str, **parameters: Any) -> dict[str, Any]:
    # Imported here: Prefect takes more than a second, which no other process of a run should wait for.
    from prefect.utilities.callables import parameter_schema_from_entrypoint

    schema = parameter_schema_from_entrypoint(f"flows/{flow}.py:{flow}").model_dump_for_openapi()
    return {"parameter_openapi_schema": schema, "parameters": parameters}


@cache
def _wide() -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema

    return {"parameter_openapi_schema": parameter_schema(wide).model_dump_for_openapi(), "parameters": {"text": "x"}}


@pytest.mark.parametrize(
    ("flow", "text", "value"),
    [
        ("score", "source=20260101", "20260101"),
        ("score", "source=true", "true"),
        ("score", "source=null", "null"),
        ("score", "source=[1]", "[1]"),
        ("score", "source=a=b", "a=b"),
        ("score", "as_of=2017-12-31", "2017-12-31"),
        ("score", "as_of=null", None),
        ("score", "as_of=", None),
        ("score", "horizon=30", 30),
        ("score", "horizon=quarter_end", "quarter_end"),
        ("tune", "study=20260101", "20260101"),
        ("tune", "trials=+7", 7),
        ("ingest", "minimum_quality=1", 1),
        ("ingest", "minimum_quality=9e-1", 0.9),
        ("evaluate", "cuts=2017-09-01", ["2017-09-01"]),
        ("evaluate", "cuts=2017-09-01, 2017-10-01", ["2017-09-01", "2017-10-01"]),
        ("evaluate", 'cuts=["2017-09-01"]', ["2017-09-01"]),
        ("evaluate", "cuts=null", None),
    ],
)
def test_a_parameter_has_the_type_that_the_flow_asks_for(flow: str, text: str, value: Any) -> None:
    name, _, given = text.partition("=")
    found = typed(f"{flow}/closecast", {name: given}, _deployment(flow, source="x"))
    assert found == {name: value}
    assert type(found[name]) is type(value) or isinstance(value, int | float)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("flag=True", True),
        ("flag=false", False),
        ("share=0.5", 0.5),
        ("share=none", None),
        ("size=large", "large"),
        ("step=2", 2),
        ("numbers=1,2", [1, 2]),
        ("numbers=[1,2]", [1, 2]),
        ('box={"width": 3}', {"width": 3}),
        ("one_of=7", 7),
        ("one_of=seven", "seven"),
        ("day=never", "never"),
        ("day=2017-01-02", "2017-01-02"),
    ],
)
def test_every_kind_of_schema_is_read(text: str, value: Any) -> None:
    name, _, given = text.partition("=")
    assert typed("wide/closecast", {name: given}, _wide()) == {name: value}


@pytest.mark.parametrize(
    ("flow", "text", "problem", "remedy"),
    [
        ("score", "sorce=x", "has no parameter 'sorce'", "source, as_of, horizon, at_once, seconds"),
        ("score", "as_of=20171231", "as_of=20171231 is not understood", "a date as 2017-12-31"),
        ("score", "as_of=2017-02-30", "as_of=2017-02-30 is not", "as_of is a date as 2017-12-31, or null"),
        ("score", "horizon=400", "horizon=400", "a whole number from 1 to 366, or quarter_end"),
        ("score", "horizon=soon", "horizon=soon", "quarter_end"),
        ("score", "at_once=2.5", "at_once=2.5", "a whole number from 1 to 64"),
        ("tune", "trials=0", "trials=0", "a whole number from 1 to 1000"),
        ("tune", "seed=null", "seed=null", "a whole number"),
        ("ingest", "minimum_quality=nan", "minimum_quality=nan", "a number from 0 to 1"),
        ("evaluate", "cuts=soon", "cuts=soon", "one or more with commas between, each a date"),
    ],
)
def test_what_the_flow_does_not_take_is_refused_by_name(flow: str, text: str, problem: str, remedy: str) -> None:
    name, _, given = text.partition("=")
    with pytest.raises(OperatorError) as refused:
        typed(f"{flow}/closecast", {name: given}, _deployment(flow, source="x"))
    assert problem in refused.value.problem
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    "text", ["flag=1", "flag=yes", "size=medium", "step=3", "step=1.0", "box=[1]", 'box={"width": "a"}']
)
def test_other_kinds_are_refused_too(text: str) -> None:
    name, _, given = text.partition("=")
    with pytest.raises(OperatorError, match="is not understood"):
        typed("wide/closecast", {name: given}, _wide())


def test_a_parameter_that_is_needed_is_asked_for_unless_the_deployment_has_it() -> None:
    assert typed("score/closecast", {}, _deployment("score", source="scoring/x")) == {}
    with pytest.raises(OperatorError, match="score/closecast needs the parameter 'source'"):
        typed("score/closecast", {"horizon": "30"}, _deployment("score"))
