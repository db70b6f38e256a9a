"""The lake on a real S3 interface: content-addressed, the same frame back, and clear words when it fails."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import ContractError, check
from closecast.deals.snapshots import data_end
from closecast.deals.synthetic.generator import generate
from closecast.features import NAMES
from closecast.models.data import Data
from closecast.platform.lake import gold, online
from closecast.platform.lake.ingestion import ingest
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.settings import LakeSettings
from closecast.platform.sources.export import RawExport
from tests.servers.localstack import S3
from tests.servers.processes import free_port

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(s3: S3) -> LakeSettings:
    return LakeSettings.from_environment({**os.environ, **s3.environment})


@pytest.fixture
def lake(settings: LakeSettings) -> Lake:
    return Lake(settings)


def test_a_frame_comes_back_as_it_was_and_has_one_key(lake: Lake) -> None:
    # given
    deals = check(generate(300, seed=1)).accepted
    # when
    with ThreadPoolExecutor(4) as threads:
        keys = set(threads.map(lambda _: lake.put_parquet("silver", deals), range(8)))
        frames = list(threads.map(lake.read_parquet, [*keys] * 4))
    # then
    assert len(keys) == 1
    for frame in frames:
        pd.testing.assert_frame_equal(frame, deals)


def test_a_frame_may_come_in_parts(lake: Lake) -> None:
    # given
    deals = check(generate(300, seed=1)).accepted
    # when
    keys = {lake.put_parts("gold", (deals[first : first + 128] for first in (0, 128, 256))) for _ in range(2)}
    # then
    (key,) = keys
    pd.testing.assert_frame_equal(lake.read_parquet(key), deals)
    with pytest.raises(ValueError, match="there is no frame to store in gold/"):
        lake.put_parts("gold", ())


def test_gold_holds_every_row_that_may_be_learnt_from_whatever_the_size_of_its_parts(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    data = Data(check(generate(600, seed=1)).accepted)
    monkeypatch.setattr(gold, "ROWS", 1_000)
    # when
    kept = lake.read_parquet(gold.store(data, "silver/600.parquet", lake))
    # then
    rows = data.learnable()
    assert len(rows) > 3_000
    np.testing.assert_array_equal(kept[list(NAMES)].to_numpy(), data.matrix(rows))
    np.testing.assert_array_equal(kept["won"], rows.won)
    np.testing.assert_array_equal(kept["as_of"].to_numpy("M8[D]"), rows.as_of)
    assert (kept["opportunity_id"].to_numpy() == data.deals["opportunity_id"].to_numpy()[rows.deal]).all()


def test_rejected_rows_are_kept_with_their_reasons_and_none_vanishes(lake: Lake) -> None:
    # given
    raw = generate(100, seed=2)
    raw.loc[[3, 50], "engage_date"] = "soon"
    # when
    data = ingest(RawExport(raw, "file:/anywhere/sales.csv", "0" * 64), lake)
    assert not data.skipped
    # then
    assert data.quarantine_key is not None
    quarantined = lake.read_parquet(data.quarantine_key)
    assert quarantined["reasons"].tolist() == ["engage_date is not a date written YYYY-MM-DD or M/D/YYYY"] * 2
    assert len(lake.read_parquet(data.silver_key)) == data.rows_accepted == 98
    pd.testing.assert_frame_equal(lake.read_parquet(data.bronze_key), raw)
    assert data.source == "file:sales.csv"
    # and the same bytes under the same rules are not checked again
    again = ingest(RawExport(raw, "file:/elsewhere/sales.csv", "0" * 64), lake)
    assert again.skipped
    assert (again.silver_key, again.quarantine_key, again.rows_accepted) == (data.silver_key, data.quarantine_key, 98)
    assert again.quality == data.quality
    pd.testing.assert_frame_equal(again.deals, data.deals)


def test_an_unusable_export_is_refused_after_it_is_kept(lake: Lake) -> None:
    # given
    raw = generate(10, seed=3).drop(columns="product")
    # when
    with pytest.raises(ContractError, match="lacks the column product"):
        ingest(RawExport(raw, "file:/x.csv", "1" * 64), lake)
    # then
    pd.testing.assert_frame_equal(lake.read_parquet(lake.put_parquet("bronze", raw)), raw)


def test_a_key_that_is_not_there_is_named(lake: Lake, s3: S3) -> None:
    with pytest.raises(LakeError, match=f"bucket {s3.bucket} holds no object silver/nothing.parquet"):
        lake.read_parquet("silver/nothing.parquet")


def test_a_bucket_that_is_not_there_is_named(settings: LakeSettings) -> None:
    with pytest.raises(LakeError, match=r"cannot write bronze/.* in the lake's bucket closecast-absent"):
        Lake(replace(settings, bucket="closecast-absent")).put_parquet("bronze", pd.DataFrame({"a": [1]}))


def test_an_object_with_other_content_is_refused(lake: Lake, s3: S3) -> None:
    # given
    import boto3

    key = f"silver/{'0' * 64}.parquet"
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
    )
    client.put_object(Bucket=s3.bucket, Key=key, Body=b"something else")
    # when / then
    with pytest.raises(LakeError, match="is not what was stored"):
        lake.read_parquet(key)


def test_a_store_that_is_away_is_named(settings: LakeSettings) -> None:
    # given
    endpoint = f"http://127.0.0.1:{free_port()}"
    # when / then
    with pytest.raises(LakeError, match=f"cannot read silver/a.parquet in the lake's bucket .* at {endpoint}"):
        Lake(replace(settings, endpoint=endpoint)).read_parquet("silver/a.parquet")


def test_the_newest_deals_of_a_source_are_found_and_older_ones_do_not_take_their_place(lake: Lake) -> None:
    # given
    june = online.Newest("file:online.csv", "silver/june.parquet", date(2017, 6, 30))
    may = online.Newest("file:online.csv", "silver/may.parquet", date(2017, 5, 31))
    again = online.Newest("file:online.csv", "silver/mended.parquet", date(2017, 6, 30))
    assert online.find(lake, june.source) is None
    # when / then
    for announced, expected in ((june, june), (may, june), (again, again)):
        online.announce(lake, announced)
        assert online.find(lake, june.source) == expected
    assert online.find(lake, "file:other.csv") is None


def test_a_late_date_ends_no_data_unless_it_is_vouched_for_and_as_of_takes_it_back(lake: Lake) -> None:
    # given an export with one close nine months after all others
    raw = generate(2_500, seed=11)
    end = data_end(check(raw).accepted)
    late = end + timedelta(273)
    won = raw[raw["deal_stage"] == "Won"].iloc[[0]].assign(opportunity_id="LATE", close_date=str(late))
    export = RawExport(pd.concat([raw, won], ignore_index=True), "file:/late.csv", "3" * 64)
    # when
    data = ingest(export, lake)
    # then it is set aside, and services are told of the end that the others bear out
    assert data.quarantine_key is not None
    assert lake.read_parquet(data.quarantine_key)["opportunity_id"].tolist() == ["LATE"]
    assert f"close_date is after {end}" in data.summary
    announced = online.find(lake, data.source)
    assert announced is not None
    assert announced.known_until == end
    # and with as_of the same bytes are checked anew
    vouched = ingest(export, lake, as_of=late)
    assert (vouched.skipped, vouched.rows_rejected) == (False, 0)
    assert ingest(export, lake, as_of=late).skipped
    announced = online.find(lake, data.source)
    assert announced is not None
    assert announced.known_until == late
    # and what was vouched for by mistake does not stay: an earlier as_of takes it back
    mended = ingest(export, lake, as_of=end)
    assert mended.rows_rejected == 1
    announced = online.find(lake, data.source)
    assert announced is not None
    assert announced.known_until == end
