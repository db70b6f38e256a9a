"""A deal's stage history counts alike on every path, whether it is sent or the model's own, and its errors do too."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from closecast.deals import stages
from closecast.deals.stages import HISTORY
from closecast.features import NAMES
from closecast.features.build import STAGES
from closecast.features.stages import UNKNOWN
from closecast.models.data import Data
from closecast.models.deal_model import DealModel
from tests.integration.scoring import test_scorers_agree as paths
from tests.integration.services.api.live import live
from tests.unit.services.api import conftest as api

Row = dict[str, Any]


@pytest.fixture(scope="module")
def client(historic_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    cache = tmp_path_factory.mktemp("historic")
    api.keep(historic_model, cache)
    with (
        live(api.settings(cache)) as address,
        httpx.Client(base_url=address, headers={"X-API-Key": api.KEY}, timeout=60, trust_env=False) as caller,
    ):
        assert isinstance(paths.single(caller, {"engage_date": "2017-11-20"}, fast=False), float)
        yield caller


@pytest.fixture
def rows(historic_model: DealModel) -> list[Row]:
    """Open deals of the model's data, with and without a history, and one that it does not know."""
    deals = historic_model.deals
    is_open = (deals["deal_stage"] == "Engaging") & (deals["engage_date"] <= str(paths.AS_OF))
    named = deals[is_open].sort_values("engage_date").tail(30)
    kept = [
        {
            "opportunity_id": one["opportunity_id"],
            "sales_agent": one["sales_agent"],
            "product": one["product"],
            "engage_date": str(one["engage_date"].date()),
        }
        for one in named.to_dict("records")
    ]
    return [*kept, {**kept[0], "opportunity_id": "not known"}]


def _sent(model: DealModel, row: Row) -> Row:
    """The row with the history that the model has of it, and another identifier."""
    text = model.deals.set_index("opportunity_id")[HISTORY].get(row["opportunity_id"])
    entries = [
        {"changed": str(one.changed)}
        | ({"stage": one.stage} if one.stage else {})
        | ({"expected_close": str(one.expected_close)} if one.expected_close else {})
        for one in stages.read(text or "[]")
    ]
    return {**row, "opportunity_id": "not known", "account": "Oak Foods", "stage_history": entries}


def test_the_models_own_history_counts_on_every_path(
    client: httpx.Client, historic_model: DealModel, rows: list[Row]
) -> None:
    answers = paths.agree(client, historic_model, rows)
    assert answers[0] != answers[-1]  # the same deal, but for what is known of it
    assert len(set(answers)) > 3


def test_a_history_that_is_sent_counts_as_the_models_own(
    client: httpx.Client, historic_model: DealModel, rows: list[Row]
) -> None:
    # given
    own = [{**row, "account": "Oak Foods"} for row in rows]
    sent = [_sent(historic_model, row) for row in rows]
    # when
    expected = [paths.single(client, row, fast=True) for row in own]
    # then
    assert [paths.single(client, row, fast=True) for row in sent] == expected
    assert [paths.single(client, row, fast=False) for row in sent] == expected
    assert paths.json_batch(client, sent) == expected
    # and one that differs is used instead
    changed = [{**row, "stage_history": [{"changed": "2017-11-30", "stage": "Offer"}]} for row in own]
    assert paths.json_batch(client, changed) == [paths.single(client, row, fast=True) for row in changed]
    assert paths.json_batch(client, changed) != expected


def test_what_is_entered_from_the_as_of_date_on_is_not_used(client: httpx.Client, rows: list[Row]) -> None:
    known = [{"changed": "11/30/2017", "stage": "Demo"}]
    later = [{"changed": str(paths.AS_OF), "stage": "Offer", "expected_close": "2018-01-01"}, *known]
    one, other = ({**rows[0], "stage_history": history} for history in (known, later))
    assert paths.single(client, one, fast=True) == paths.single(client, other, fast=True)


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ([{"changed": "soon", "stage": "Demo"}], "deal.stage_history[0].changed: changed 'soon' in stage_history is"),
        ([{"changed": "1969-12-31", "stage": "Demo"}], "changed '1969-12-31' in stage_history is not a date"),
        ([{"changed": "2017-11-30"}], "entry 0 of stage_history has neither a stage nor an expected_close"),
        ([{"changed": "2017-11-30", "stage": " "}], "entry 0 of stage_history has neither"),
        (
            [{"changed": "2017-11-30", "stage": "Demo"}, {"changed": "2017-11-30", "expected_close": "x"}],
            "deal.stage_history[1].expected_close: expected_close 'x'",
        ),
        ([{"stage": "Demo"}], "Object missing required field `changed`"),
        ([{"changed": "2017-11-30", "stage": "Demo", "by": "Ada"}], "Object contains unknown field `by`"),
        ("Demo", "Expected `array | null`, got `str`"),
        ([{"changed": "2017-11-30", "stage": "Demo"}] * 201, "Expected `array` of length <= 200"),
    ],
)
def test_a_history_that_says_nothing_sound_is_refused_alike(
    client: httpx.Client, rows: list[Row], history: Any, words: str
) -> None:
    row = {**rows[0], "stage_history": history}
    refused = paths.single(client, row, fast=True)
    assert isinstance(refused, str)
    assert words in refused
    assert paths.single(client, row, fast=False) == refused
    # and in a batch it alone
    sound, alone = paths.json_batch(client, [rows[0], row])
    assert isinstance(sound, float)
    assert alone == refused


def test_the_ranking_uses_the_models_own_histories(
    client: httpx.Client, historic_model: DealModel, rows: list[Row]
) -> None:
    # given
    query: dict[str, str | int] = {"as_of": str(paths.AS_OF), "horizon": paths.HORIZON, "limit": 10_000}
    ranked = client.get("/v1/pipeline", params=query).json()["deals"]
    # when
    by_name = {one["opportunity_id"]: one["probability"] for one in ranked}
    accounts = historic_model.deals.set_index("opportunity_id")["account"]
    named = [{**row, "account": accounts.get(row["opportunity_id"])} for row in rows[:-1]]
    # then
    assert [by_name[row["opportunity_id"]] for row in rows[:-1]] == [
        paths.single(client, row, fast=True) for row in named
    ]


def test_an_explanation_names_the_stage_and_adds_up(
    client: httpx.Client, historic_model: DealModel, rows: list[Row]
) -> None:
    for row in (_sent(historic_model, rows[0]), rows[0], rows[-1]):
        # when
        asked = {"deal": row, "as_of": str(paths.AS_OF), "horizon": paths.HORIZON}
        told = client.post("/v1/explanations", json=asked).json()
        # then
        assert told["probability"] == paths.single(client, row, fast=True)
        total = told["base"]["probability"] + sum(one["points"] for one in told["groups"])
        assert total == pytest.approx(told["probability"], abs=1e-12)
        groups = {one["name"] for one in told["groups"]}
        has_history = row["opportunity_id"] != "not known" or "stage_history" in row
        assert {"stage", "expected close"} <= groups if has_history else not {"stage", "expected close"} & groups


def test_golden_rows_replay_with_histories(historic_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> None:
    # given
    folder = tmp_path_factory.mktemp("golden")
    historic_model.save(folder)
    # when
    loaded = DealModel.load(folder)
    loaded.replay(folder)
    # then
    rows = json.loads((folder / "golden.json").read_text())["rows"]
    stage = NAMES.index("stage_win_rate_before_as_of")
    assert any(row[2][stage] != UNKNOWN for row in rows)


def test_a_model_without_histories_is_given_none(served_model: DealModel) -> None:
    deals = served_model.deals[served_model.deals["engage_date"].notna()][:5]
    history = served_model.builder.history
    matrix = served_model.builder.matrix(
        history.encode(deals), np.arange(5), np.full(5, np.datetime64("2018-01-01")), np.full(5, 30)
    )
    assert history.stages is None
    assert (matrix[:, STAGES] == UNKNOWN).all()


def test_a_tenth_of_the_deals_is_fitted_without_history(historic_model: DealModel) -> None:
    # given
    data = Data(historic_model.deals)
    rows = data.rows((30,))
    # when
    whole, fitted = data.matrix(rows), data.fitting_matrix(rows)
    # then
    changed = np.unique(rows.deal[(whole != fitted).any(axis=1)])
    assert 0.05 < len(changed) / len(np.unique(rows.deal)) < 0.15
    assert (fitted[np.isin(rows.deal, changed), STAGES] == UNKNOWN).all()
    assert whole[:, : STAGES.start].tobytes() == fitted[:, : STAGES.start].tobytes()
