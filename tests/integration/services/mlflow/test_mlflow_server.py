"""MLflow's real server behind `python -m services.mlflow`, on PostgreSQL and S3."""

import sys
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest
from botocore.config import Config
from cryptography.fernet import Fernet
from mlflow import MlflowClient

from tests.servers import S3, free_port, running

pytestmark = pytest.mark.integration


def test_a_run_reaches_the_database_and_its_artifact_the_bucket(postgres_url: str, s3: S3, tmp_path: Path) -> None:
    # given
    port = free_port()
    environment = {
        **s3.environment,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_ARTIFACTS_BUCKET": s3.bucket,
        "MLFLOW_BACKEND_STORE_URI": postgres_url.replace("postgresql://", "postgresql+psycopg://"),
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    artifact = tmp_path / "note.txt"
    artifact.write_text("kept")
    address = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-m", "services.mlflow"], environment, f"{address}/health", tmp_path) as pid:
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        # when
        run = client.create_run(client.create_experiment("by the service"))
        client.log_metric(run.info.run_id, "auc", 0.75)
        client.log_artifact(run.info.run_id, str(artifact))
        # then
        server = psutil.Process(pid)
        lines = [" ".join(process.cmdline()) for process in (server, *server.children(recursive=True))]
        with psycopg.connect(postgres_url) as connection:
            query = "SELECT value FROM metrics WHERE run_uuid = %s"
            assert connection.execute(query, [run.info.run_id]).fetchone() == (0.75,)
        password = postgres_url.partition("//mlflow:")[2].partition("@")[0]
        assert len(password) == 32
        assert not [line for line in lines if password in line]
    bucket = boto3.resource(
        "s3", endpoint_url=s3.endpoint, aws_access_key_id=s3.access_key, aws_secret_access_key=s3.secret_key,
        region_name=s3.region, config=Config(s3={"addressing_style": "path"}),
    ).Bucket(s3.bucket)  # fmt: skip
    stored = {one.key: one.get()["Body"].read() for one in bucket.objects.filter(Prefix="mlflow/")}
    assert [body for key, body in stored.items() if key.endswith(f"{run.info.run_id}/artifacts/note.txt")] == [b"kept"]
