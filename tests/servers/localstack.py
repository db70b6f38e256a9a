"""LocalStack, and a bucket on it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.processes import PROJECT, free_port, made_folder, running

LOCALSTACK_PYTHON = PROJECT / ".venv-localstack" / "bin" / "python"


@dataclass(frozen=True)
class S3:
    """A bucket on LocalStack and what it takes to reach it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "CLOSECAST_LAKE_BUCKET": self.bucket,
        }


@contextmanager
def localstack_server(
    port: int,
    access_key: str,
    secret_key: str,
    folder: Path,
    job_keys: str = "",
    buckets: tuple[str, str] = ("none", "none"),
) -> Iterator[int]:
    """The pid of a LocalStack at `port`, as its job starts it. The key opens all of it; `job_keys` (job:access:secret, with
    commas between) open what their jobs need in the buckets of the lake and of artifacts."""
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_LOCALSTACK_STATE": str(folder / "state"),
        "CLOSECAST_OBJECT_STORE_ACCESS_KEY": access_key,
        "CLOSECAST_OBJECT_STORE_SECRET_KEY": secret_key,
        "CLOSECAST_OBJECT_STORE_JOB_KEYS": job_keys,
        "CLOSECAST_LAKE_BUCKET": buckets[0],
        "CLOSECAST_ARTIFACTS_BUCKET": buckets[1],
        "PYTHONPATH": "",
    }
    command = [str(LOCALSTACK_PYTHON), str(PROJECT / "localstack" / "run.py")]
    with running(command, environment, f"http://127.0.0.1:{port}/_localstack/health", folder) as pid:
        yield pid


@pytest.fixture(scope="session")
def s3(server_folder: Path) -> Iterator[S3]:
    import boto3
    from botocore.config import Config

    if not LOCALSTACK_PYTHON.exists():
        pytest.skip(
            f"LocalStack's environment {LOCALSTACK_PYTHON.parent.parent.name} is not there: run ./just test, which prepares it"
        )
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    # Other sessions' buckets must not meet this one's.
    found = S3(
        endpoint,
        f"LK{secrets.token_hex(9).upper()}",
        secrets.token_urlsafe(32),
        "us-east-1",
        f"closecast-test-{secrets.token_hex(6)}",
    )
    with localstack_server(port, found.access_key, found.secret_key, made_folder(server_folder, "localstack")):
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=found.access_key,
            aws_secret_access_key=found.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=found.bucket)
        yield found
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=found.bucket):
            for entry in page.get("Contents", []):
                client.delete_object(Bucket=found.bucket, Key=entry["Key"])
        client.delete_bucket(Bucket=found.bucket)
