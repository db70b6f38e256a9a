"""The whole drill, with a real PostgreSQL and a real LocalStack in the place of a platform's."""

from types import SimpleNamespace

import boto3
import psycopg
import pytest

from ops.drill import command
from ops.nomad import jobs
from tests.servers.localstack import S3

pytestmark = pytest.mark.integration


def test_a_platform_comes_back_as_it_was(
    database_url: str, s3: S3, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    found = psycopg.conninfo.conninfo_to_dict(database_url)
    addresses = {"postgres": f"postgresql://{found['host']}:{found['port']}", "localstack": s3.endpoint}
    credentials = SimpleNamespace(
        postgres_password=found["password"],
        object_store_access_key=s3.access_key,
        object_store_secret_key=s3.secret_key,
    )
    monkeypatch.setattr(command, "connect", lambda: SimpleNamespace(cluster=None, credentials=credentials))
    monkeypatch.setattr(jobs, "address", lambda _, name: addresses[name])
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
    )
    client.put_object(Bucket=s3.bucket, Key="bronze/deals.csv", Body=b"a deal")
    # when
    assert command.restore_drill([]) == 0
    # then
    printed = capsys.readouterr().out.splitlines()[-1]
    assert printed.endswith("objects came back as they were")
    assert " 0 objects" not in printed
    assert " 0 rows" not in printed
