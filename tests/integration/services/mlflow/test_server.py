"""MLflow's real server behind `python -m services.mlflow`, on PostgreSQL and S3."""

from pathlib import Path

import boto3
import psutil
import psycopg
import pytest
from botocore.config import Config
from mlflow import MlflowClient

from tests.servers.localstack import S3
from tests.servers.mlflow import Guarded

pytestmark = pytest.mark.integration


def test_a_run_reaches_the_database_and_its_artifact_the_bucket(
    guarded: Guarded, postgres_url: str, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    for name, value in guarded.environment(guarded.people).items():
        monkeypatch.setenv(name, value)
    artifact = tmp_path / "note.txt"
    artifact.write_text("kept")
    client = MlflowClient(tracking_uri=guarded.uri, registry_uri=guarded.uri)
    # when
    run = client.create_run(client.create_experiment("by the service"))
    client.log_metric(run.info.run_id, "auc", 0.75)
    client.log_artifact(run.info.run_id, str(artifact))
    # then
    server = psutil.Process(guarded.pid)
    lines = [" ".join(process.cmdline()) for process in (server, *server.children(recursive=True))]
    with psycopg.connect(postgres_url) as connection:
        query = "SELECT value FROM metrics WHERE run_uuid = %s"
        assert connection.execute(query, [run.info.run_id]).fetchone() == (0.75,)
    password = postgres_url.partition("//mlflow:")[2].partition("@")[0]
    assert len(password) == 32
    told = guarded.log.read_text()
    for secret in (password, guarded.people.password, guarded.api.password, guarded.reader.password, s3.secret_key):
        assert not [line for line in lines if secret in line]
        assert secret not in told
    bucket = boto3.resource(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
        config=Config(s3={"addressing_style": "path"}),
    ).Bucket(s3.bucket)
    stored = {one.key: one.get()["Body"].read() for one in bucket.objects.filter(Prefix="mlflow/")}
    assert [body for key, body in stored.items() if key.endswith(f"{run.info.run_id}/artifacts/note.txt")] == [b"kept"]
