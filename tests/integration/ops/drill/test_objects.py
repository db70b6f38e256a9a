"""Buckets of a real LocalStack, copied and restored into another object store."""

from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config

from ops.drill import objects
from ops.drill.objects import Store
from ops.errors import OperatorError
from services.bucket_mirror.mirror import Listing, Mirror
from tests.servers.localstack import S3

pytestmark = pytest.mark.integration


@pytest.fixture
def store(s3: S3) -> Store:
    made = Store(s3.endpoint, s3.access_key, s3.secret_key, s3.region)
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
        config=Config(s3={"addressing_style": "path"}),
    )
    for key in ("bronze/a.csv", "gold/ä b/c.parquet", "empty"):
        client.put_object(Bucket=s3.bucket, Key=key, Body=b"" if key == "empty" else key.encode() * 1000)
    return made


def test_every_object_comes_back(store: Store, tmp_path: Path) -> None:
    assert objects.drill(store, tmp_path) >= 3


def test_an_object_that_is_lost_on_the_way_is_told(
    store: Store, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = Mirror.restore

    def losing(mirror: Mirror) -> int:
        (tmp_path / "objects" / s3.bucket / "bronze" / "a.csv").rename(tmp_path / "lost")
        count = restore(mirror)
        (tmp_path / "lost").rename(tmp_path / "objects" / s3.bucket / "bronze" / "a.csv")
        return count

    monkeypatch.setattr(Mirror, "restore", losing)
    with pytest.raises(OperatorError, match=r"1 of \d+ objects did not come back as they were: .*bronze/a\.csv"):
        objects.drill(store, tmp_path)


def test_nobody_else_reads_the_copy(store: Store, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, restore = Store.make, Mirror.restore
    endpoints: list[str] = []
    answered: list[int] = []

    def made(elsewhere: Store, buckets: Listing) -> None:
        endpoints.append(elsewhere.endpoint)
        make(elsewhere, buckets)

    def restored(mirror: Mirror) -> int:
        count = restore(mirror)
        answered.append(httpx.get(f"{endpoints[0]}/{s3.bucket}/bronze/a.csv").status_code)
        return count

    monkeypatch.setattr(Store, "make", made)
    monkeypatch.setattr(Mirror, "restore", restored)
    objects.drill(store, tmp_path)
    assert answered == [403]


def test_a_store_that_does_not_answer_is_told(store: Store, tmp_path: Path) -> None:
    gone = Store("http://127.0.0.1:9", store.access_key, store.secret_key, store.region)
    with pytest.raises(OperatorError, match="the buckets cannot be listed"):
        objects.drill(gone, tmp_path)
