"""Everything that scores gives a row the same probability, to the bit, or the same refusal in the same words.

Rows are random and hostile. They go one by one over the fast path and over the framework's route, and together as JSON, CSV
and Parquet, through the score job and through MLflow's flavour.
"""

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.models.deal_model import DealModel
from closecast.platform.batch.scoring import score_parquet
from closecast.scoring.pyfunc import DealModelFunction
from tests.integration.services.api.live import live
from tests.unit.services.api import conftest as api

Row = dict[str, Any]
Answer = float | str  # a probability, or why there is none
AS_OF, HORIZON = date(2017, 12, 1), 45
QUERY = f"?as_of={AS_OF}&horizon={HORIZON}"
PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="module")
def client(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A caller of a live service."""
    cache = tmp_path_factory.mktemp("models")
    api.keep(served_model, cache)
    with (
        live(api.settings(cache)) as address,
        httpx.Client(base_url=address, headers={"X-API-Key": api.KEY}, timeout=60, trust_env=False) as caller,
    ):
        # From here on, the fast path has the tables that it needs.
        assert isinstance(single(caller, {"engage_date": "2017-11-20"}, fast=False), float)
        yield caller


def _words(problem: dict[str, Any]) -> str:
    """The refusal. Of one deal in the wrong form, the field stands before the words, of a batch's row behind them."""
    return f"{problem['errors'][0]['field']}: {problem['errors'][0]['detail'].partition(' - at `$')[0]}"


def _detail(problem: str) -> str:
    return problem.partition(" - at `$")[0]


def single(client: httpx.Client, row: Row, *, fast: bool) -> Answer:
    # A header with a parameter is out of the ordinary: the framework answers.
    kind = "application/json" if fast else "application/json; charset=utf-8"
    content = json.dumps({"deal": row, "as_of": str(AS_OF), "horizon": HORIZON})
    answer = client.post("/v1/predictions", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (200, 400, 422), answer.text
    return float(answer.json()["probability"]) if answer.status_code == 200 else _words(answer.json())


def _batch(client: httpx.Client, content: bytes, kind: str, query: str = QUERY) -> list[Answer]:
    headers = {"Content-Type": kind, "Accept": "application/json"}
    answer = client.post(f"/v1/predictions/batch{query}", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    return [_words(one["error"]) if "error" in one else one["probability"] for one in answer.json()["predictions"]]


def json_batch(client: httpx.Client, rows: list[Row]) -> list[Answer]:
    content = json.dumps({"deals": rows, "as_of": str(AS_OF), "horizon": HORIZON}).encode()
    return _batch(client, content, "application/json", "")


def _csv(client: httpx.Client, rows: list[Row]) -> list[Answer]:
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, RAW_COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return _batch(client, target.getvalue().encode(), "text/csv")


def _parquet(rows: list[Row]) -> bytes:
    target = io.BytesIO()
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in RAW_COLUMNS}
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def _score_job(model: DealModel, rows: list[Row]) -> list[Answer]:
    target = io.BytesIO()
    score_parquet(model, "7", io.BytesIO(_parquet(rows)), target, AS_OF, HORIZON)
    made = pq.read_table(io.BytesIO(target.getvalue())).to_pylist()
    return [_detail(one["problem"]) if one["problem"] is not None else one["probability"] for one in made]


def _mlflow(model: DealModel, rows: list[Row]) -> list[Answer]:
    """It raises for the first row that is refused: so each is asked for alone, and all that have answers together."""
    function, asked = DealModelFunction(model), {"as_of": str(AS_OF), "horizon_days": HORIZON}
    found: list[Answer] = []
    for row in rows:
        try:
            found.append(float(function.predict(pd.DataFrame([{**row, **asked}], columns=[*RAW_COLUMNS, *asked]))[0]))
        except ValueError as error:
            found.append(_detail(str(error).removeprefix("row 0: ")))
    sound = [{**row, **asked} for row, one in zip(rows, found, strict=True) if isinstance(one, float)]
    if sound:
        assert function.predict(pd.DataFrame(sound)).tolist() == [one for one in found if isinstance(one, float)]
    return found


def _without_field(answers: list[Answer]) -> list[Answer]:
    return [one.partition(": ")[2] if isinstance(one, str) else one for one in answers]


def agree(client: httpx.Client, model: DealModel, rows: list[Row]) -> list[Answer]:
    """What everything answers to rows in the contract's order of columns."""
    rows = [{name: row[name] for name in RAW_COLUMNS if name in row} for row in rows]
    expected = [single(client, row, fast=True) for row in rows]
    assert [single(client, row, fast=False) for row in rows] == expected
    assert json_batch(client, rows) == expected
    assert _mlflow(model, rows) == _without_field(expected)
    if all(value is None or isinstance(value, str) for row in rows for value in row.values()):
        assert _batch(client, _parquet(rows), PARQUET) == expected
        assert _csv(client, rows) == expected
        assert _score_job(model, rows) == _without_field(expected)
    return expected


_BLANKS = st.sampled_from(["", " ", "\t", "\n", "\x1f", "\u00a0", "\u2003", "\x0b", "\x85"])
_STRANGE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
_LONG = st.sampled_from(["x" * 500, "x" * 501, " " * 501, "ü" * 500, "2017-11-20" * 60])
_DATES = st.dates(date(1960, 1, 1), date(2030, 1, 1)) | st.dates() | st.dates(date(2017, 10, 1), date(2017, 12, 2))
_WRITTEN = _DATES.map(date.isoformat) | _DATES.map(lambda day: f"{day.month}/{day.day}/{day.year:04}")
_NO_DATES = st.sampled_from(
    [
        "2017-02-30",
        "20.11.2017",
        "2017-1-2",
        "13/1/2017",
        "1/1/17",
        "2017-11-20T00:00",
        "0000-01-01",
        "\u0662\u0660\u0661\u0667-11-20",
        "2017-11-20\x00",
        "20171120",
        "nan",
        "NaT",
        "-1",
        "12/ 1/2017",
    ]
)


def _surrounded(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(_BLANKS, values, _BLANKS).map("".join)


def _texts(*known: str) -> st.SearchStrategy[Any]:
    return st.none() | _surrounded(st.sampled_from(known)) | _BLANKS | _STRANGE | _LONG


_COLUMNS = {
    "opportunity_id": _texts("A1", "B2", "7"),
    "sales_agent": _texts("Ada Berg", "nan", "None"),
    "product": _texts("GTX Pro", "GTXPro", "gtxpro", "GTX Basic"),
    "account": st.none() | _BLANKS | _texts("Oak Foods", "a stranger"),
    "deal_stage": st.none()
    | _surrounded(st.sampled_from(["Engaging", "Engaging", "Prospecting"]))
    | _texts("Won", "Lost", "Sleeping", "engaging"),
    "engage_date": _surrounded(_WRITTEN) | _surrounded(_WRITTEN) | _texts("soon") | _NO_DATES,
    "close_date": st.none() | _BLANKS | _texts("2017-12-01"),
    "close_value": st.none() | _BLANKS | _texts("0", "5.5", "nan"),
}
_SOUND = {name: _COLUMNS[name] for name in ("opportunity_id", "sales_agent", "product", "account")} | {
    "engage_date": _surrounded(_DATES.filter(lambda day: day.year >= 1970 and day <= AS_OF).map(date.isoformat))
}
_ROWS = st.lists(
    st.fixed_dictionaries({}, optional=_COLUMNS) | st.fixed_dictionaries(_SOUND) | st.fixed_dictionaries(_COLUMNS),
    min_size=1,
    max_size=12,
)
_OTHER_TYPES = (
    st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.sampled_from([[], ["GTX"], {}, {"a": 1}])
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_ROWS)
@example([{"engage_date": "1969-12-31"}, {"engage_date": "1066-10-14"}, {"engage_date": "2300-01-01"}])
@example([{"engage_date": "2017-11-20", "opportunity_id": " A1 ", "account": " "}])
@example([{"engage_date": "2017-11-20", "account": "x" * 501, "sales_agent": "x" * 501}, {"deal_stage": "Won"}])
@example([{"engage_date": "2017-11-20", "opportunity_id": "x" * 501}])
@example([{"deal_stage": " Prospecting "}, {"engage_date": " ", "deal_stage": "Engaging"}, {}])
def test_rows_of_texts_are_answered_alike(client: httpx.Client, served_model: DealModel, rows: list[Row]) -> None:
    agree(client, served_model, rows)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.fixed_dictionaries(_SOUND), st.dictionaries(st.sampled_from(RAW_COLUMNS), _OTHER_TYPES)),
        min_size=1,
        max_size=6,
    )
)
def test_values_of_other_types_are_refused_alike(
    client: httpx.Client, served_model: DealModel, rows: list[tuple[Row, Row]]
) -> None:
    changed = [{**sound, **others} for sound, others in rows]
    expected = agree(client, served_model, changed)
    assert all(isinstance(one, str) for one, (_, others) in zip(expected, rows, strict=True) if others)


def test_the_rows_above_hold_answers_and_each_refusal(client: httpx.Client, served_model: DealModel) -> None:
    rows: list[Row] = [
        {"engage_date": "2017-11-20"},
        {"engage_date": "11/20/2017", "product": "GTXPro"},
        {"deal_stage": "Prospecting"},
        {},
        {"engage_date": "soon"},
        {"engage_date": "2017-12-02"},
        {"engage_date": "1969-12-31"},
        {"engage_date": "2017-11-20", "deal_stage": "Won"},
        {"engage_date": "2017-11-20", "deal_stage": "Sleeping"},
        {"engage_date": "2017-11-20", "close_date": "2017-12-01"},
        {"engage_date": "2017-11-20", "close_value": "0"},
        {"engage_date": "2017-11-20", "account": "x" * 501},
    ]
    answers = agree(client, served_model, rows)
    assert [isinstance(one, float) for one in answers] == [True, True, *[False] * 10]
    assert len(set(answers[2:])) == 10


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("us"), pa.timestamp("ns", "Europe/Berlin")])
def test_typed_columns_say_what_their_texts_say(
    client: httpx.Client, served_model: DealModel, kind: pa.DataType, tmp_path: Path
) -> None:
    # given
    days = [date(2017, 11, 20), date(2017, 12, 1), date(2017, 12, 2), date(1969, 12, 31), None]
    texts = [
        {"opportunity_id": f"A{at}", "engage_date": None if day is None else str(day)} for at, day in enumerate(days)
    ]
    moments = (
        pa.array(days, pa.date32()).cast(pa.timestamp("s")).cast(kind)
        if "tz" in str(kind)
        else pa.array(days, pa.date32()).cast(kind)
    )
    empty = {name: pa.nulls(len(days), pa.string()) for name in ("sales_agent", "product", "account")}
    table = pa.table(
        {
            "opportunity_id": [row["opportunity_id"] for row in texts],
            "engage_date": moments,
            **empty,
            "close_value": pa.array([None, float("nan"), None, None, None], pa.float64()),
        }
    )
    pq.write_table(table, tmp_path / "deals.parquet")
    content = (tmp_path / "deals.parquet").read_bytes()
    # when
    expected = agree(client, served_model, texts)
    target = io.BytesIO()
    score_parquet(served_model, "7", io.BytesIO(content), target, AS_OF, HORIZON)
    made = pq.read_table(io.BytesIO(target.getvalue())).to_pylist()
    # then
    assert _batch(client, content, PARQUET) == expected
    assert [one["problem"] or one["probability"] for one in made] == _without_field(expected)
    frame = table.to_pandas().assign(as_of=str(AS_OF), horizon_days=HORIZON)
    assert DealModelFunction(served_model).predict(frame.iloc[:2]).tolist() == expected[:2]
    as_objects = frame.assign(engage_date=pd.Series(days, dtype=object)).iloc[:2]
    assert DealModelFunction(served_model).predict(as_objects).tolist() == expected[:2]
    with pytest.raises(ValueError, match="row 0: the deal was engaged on 2017-12-02, after 2017-12-01"):
        DealModelFunction(served_model).predict(frame.iloc[2:])
