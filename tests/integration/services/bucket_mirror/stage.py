"""A LocalStack with its companion, for tests that start and end them."""

import json
import os
import signal
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from services.bucket_mirror.companion import Companion
from services.bucket_mirror.health import serve
from services.bucket_mirror.settings import Settings
from tests.servers.localstack import localstack_server
from tests.servers.processes import free_port
from tests.waiting import PATIENCE, until

LAKE, ARTIFACTS = "closecast-local-lake", "closecast-local-artifacts"
KEY = ("LKIAQAAAAAAATESTSTAGE", "the stage's own/secret+key")
SECRETS = (
    "mlflow-database",
    "prefect-database",
    "optuna-database",
    "closecast-database",
    "promoter-database",
    "monitor-database",
    "shadow-database",
    "alerts-database",
    "cache",
    "api-key",
)


class Stage:
    """A LocalStack and its companion, which tests start and end as they need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = Settings(
            endpoint=f"http://127.0.0.1:{self.port}",
            access_key=KEY[0],
            secret_key=KEY[1],
            region="us-east-1",
            mirror=folder / "mirror",
            terraform_state=folder / "terraform",
            host="127.0.0.1",
            port=free_port(),
        )
        self.companion: Companion | None = None
        self.pid = 0
        self._localstack = ExitStack()
        self._companion = ExitStack()
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        common: dict[str, Any] = {
            "endpoint_url": self.settings.endpoint,
            "aws_access_key_id": KEY[0],
            "aws_secret_access_key": KEY[1],
            "region_name": "us-east-1",
            "config": config,
        }
        self.s3 = boto3.client("s3", **common)
        self.secrets = boto3.client("secretsmanager", **common)

    def start_localstack(self) -> None:
        folder = self.folder / "localstack"
        folder.mkdir(exist_ok=True)
        self.pid = self._localstack.enter_context(localstack_server(self.port, *KEY, folder))

    def kill_localstack(self) -> None:
        """kill -9, after which LocalStack has forgotten everything."""
        if self.pid:
            os.killpg(self.pid, signal.SIGKILL)
            self.pid = 0
        self._localstack.close()

    def start_companion(self) -> Companion:
        companion = self.companion = Companion(self.settings)
        server = serve(self.settings.host, self.settings.port, companion.state, companion.flush)
        loop = threading.Thread(target=companion.run, name="companion")
        loop.start()
        self._companion.callback(server.server_close)
        self._companion.callback(server.shutdown)
        self._companion.callback(loop.join)
        self._companion.callback(companion.stop)
        return companion

    def stop_companion(self) -> None:
        self._companion.close()
        self.companion = None

    def ask(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.settings.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def health(self) -> tuple[int, dict[str, Any]]:
        return self.ask("GET", "/health")

    def wait_for_state(self, state: str) -> dict[str, Any]:
        # Terraform makes the buckets, which beside other tests takes a minute or more.
        until(lambda: self.health()[1]["state"] == state, 3 * PATIENCE, told=self.health, pause=0.1)
        return self.health()[1]

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=LAKE, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=LAKE, Key=key)["Body"].read()

    def mirrored(self, key: str, bucket: str = LAKE) -> bytes | None:
        """The object's bytes on disk, None when it is not there."""
        file = self.settings.mirror / bucket / key
        return file.read_bytes() if file.exists() else None

    def disk(self) -> dict[str, bytes]:
        """Everything on disk."""
        folder = self.settings.mirror
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def close(self) -> None:
        self.stop_companion()
        self.kill_localstack()
