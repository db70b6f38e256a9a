"""Exports read from a real S3 interface: CSV and Parquet alike, and clear words when there is nothing to read."""

import hashlib
import os
from collections.abc import Callable

import pandas as pd
import pytest

from closecast.deals.synthetic.generator import generate
from closecast.platform.lake.store import parquet_bytes
from closecast.platform.sources.errors import SourceAwayError
from closecast.platform.sources.export import SourceError, read_source
from tests.servers.localstack import S3
from tests.servers.processes import free_port

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(s3: S3) -> dict[str, str]:
    """Without the lake's bucket: an export may be read where there is no lake."""
    kept = {**os.environ, **s3.environment}
    del kept["CLOSECAST_LAKE_BUCKET"]
    return kept


@pytest.fixture
def put(s3: S3) -> Callable[[str, bytes], str]:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        region_name=s3.region,
        aws_secret_access_key=s3.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )

    def store(key: str, content: bytes) -> str:
        client.put_object(Bucket=s3.bucket, Key=key, Body=content)
        return f"s3://{s3.bucket}/{key}"

    return store


def test_csv_and_parquet_give_the_frame_that_was_stored(
    put: Callable[[str, bytes], str], environment: dict[str, str]
) -> None:
    # given
    raw = generate(200, seed=4)
    csv, parquet = raw.to_csv(index=False).encode(), parquet_bytes(raw)
    first, second = put("exports/2017/sales.csv", csv), put("exports/sales.parquet", parquet)
    # when
    from_csv, from_parquet = (read_source(spec, environment=environment) for spec in (first, second))
    # then
    pd.testing.assert_frame_equal(from_csv.frame, raw)
    pd.testing.assert_frame_equal(from_parquet.frame, raw)
    assert (from_csv.sha256, from_parquet.sha256) == tuple(hashlib.sha256(one).hexdigest() for one in (csv, parquet))
    assert (from_csv.name, from_parquet.name) == ("s3:sales.csv", "s3:sales.parquet")


def test_the_files_of_a_folder_belong_together(put: Callable[[str, bytes], str], environment: dict[str, str]) -> None:
    # given an export in two parts, beside what is no part of it
    raw = generate(200, seed=4)
    put("exports/parts/b.csv", raw.iloc[120:].to_csv(index=False).encode())
    put("exports/parts/a.csv", raw.iloc[:120].to_csv(index=False).encode())
    put("exports/parts/_SUCCESS", b"")
    put("exports/parts/.hidden.csv", b"no,deals\n1,2\n")
    spec = put("exports/parts/older/c.csv", b"no,deals\n1,2\n").removesuffix("older/c.csv")
    # when
    read = read_source(spec, environment=environment)
    # then
    pd.testing.assert_frame_equal(read.frame, raw)
    assert read.name == "s3:parts"
    assert "2 files (a.csv, b.csv; CSV" in read.describe()


def test_a_folder_without_an_export_is_told(
    s3: S3, put: Callable[[str, bytes], str], environment: dict[str, str]
) -> None:
    spec = put("exports/none/readme.md", b"none").removesuffix("readme.md")
    with pytest.raises(SourceError, match=r"the folder s3://.*/none/ has no file with the columns of deals"):
        read_source(spec, environment=environment)
    with pytest.raises(SourceError, match=f"there is no folder s3://{s3.bucket}/absent/ at {s3.endpoint}"):
        read_source(f"s3://{s3.bucket}/absent/", environment=environment)
    with pytest.raises(SourceError, match="names no export on S3"):
        read_source(f"s3://{s3.bucket}/", environment=environment)


def test_an_empty_object_is_refused(put: Callable[[str, bytes], str], environment: dict[str, str]) -> None:
    # given
    spec = put("exports/empty.csv", b"")
    # when / then
    with pytest.raises(SourceError, match=f"the object {spec} is empty"):
        read_source(spec, environment=environment)


def test_what_is_not_there_is_named(s3: S3, environment: dict[str, str]) -> None:
    with pytest.raises(SourceError, match=f"there is no object s3://{s3.bucket}/absent.csv at {s3.endpoint}; check"):
        read_source(f"s3://{s3.bucket}/absent.csv", environment=environment)
    with pytest.raises(SourceError, match=r"there is no object s3://closecast-absent/sales.csv at"):
        read_source("s3://closecast-absent/sales.csv", environment=environment)


def test_a_store_that_is_away_is_named(environment: dict[str, str]) -> None:
    # given
    endpoint = f"http://127.0.0.1:{free_port()}"
    # when / then
    with pytest.raises(
        SourceAwayError, match=f"s3://b/sales.csv cannot be read at {endpoint}: .*; check that"
    ) as raised:
        read_source("s3://b/sales.csv", environment={**environment, "AWS_ENDPOINT_URL_S3": endpoint})
    assert "\n" not in str(raised.value)
