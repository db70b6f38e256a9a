"""The companion beside a real LocalStack, with the real Terraform: what is in S3 outlives LocalStack."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from services.localstack import terraform
from services.localstack.companion import Companion
from services.localstack.health import serve
from services.localstack.settings import Settings
from tests.servers import PROJECT, free_port, running

pytestmark = pytest.mark.integration

_PYTHON = PROJECT / ".venv-localstack" / "bin" / "python"
_LAKE, _ARTIFACTS = "closecast-local-lake", "closecast-local-artifacts"
_SECRETS = {
    name: f"value of {name}"
    for name in ("mlflow-database", "prefect-database", "optuna-database", "closecast-database", "cache", "api-key")
}
# Keys that a shell, a pattern, a list of names or a path could trip over.
_KEYS = (
    "plain.parquet",
    "deep/er/and deeper/with spaces.json",
    "day=2017-12-31/part#1.parquet",
    "übung/ключ.txt",
    "[a-z]*{x}.txt",
    "; a comment",
    ".hidden/.file",
    "upload.partial",
)


def _until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"in vain waited until {what}")
        time.sleep(0.1)


class Stage:
    """A LocalStack and its companion, which tests start and end as they need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = Settings(
            endpoint=f"http://127.0.0.1:{self.port}",
            access_key="test",
            secret_key="test",
            region="us-east-1",
            mirror=folder / "mirror",
            terraform_state=folder / "terraform",
            secret_values=json.dumps(_SECRETS),
            host="127.0.0.1",
            port=free_port(),
        )
        self.companion: Companion | None = None
        self.pid = 0
        self._localstack = ExitStack()
        self._companion = ExitStack()
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        common: dict[str, Any] = {
            "endpoint_url": self.settings.endpoint, "aws_access_key_id": "test", "aws_secret_access_key": "test",
            "region_name": "us-east-1", "config": config,
        }  # fmt: skip
        self.s3 = boto3.client("s3", **common)
        self.secrets = boto3.client("secretsmanager", **common)

    def start_localstack(self) -> None:
        log = self.folder / "log"
        log.mkdir(exist_ok=True)
        environment = {
            "CLOSECAST_HOST": "127.0.0.1",
            "CLOSECAST_PORT": str(self.port),
            "CLOSECAST_LOCALSTACK_STATE": str(self.folder / "localstack"),
            "PYTHONPATH": "",
        }
        command = [str(_PYTHON), str(PROJECT / "localstack" / "run.py")]
        self.pid = self._localstack.enter_context(
            running(command, environment, f"{self.settings.endpoint}/_localstack/info", log)
        )

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
        _until(lambda: self.health()[1]["state"] == state, f"the companion is {state}")
        return self.health()[1]

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=_LAKE, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=_LAKE, Key=key)["Body"].read()

    def mirrored(self, key: str, bucket: str = _LAKE) -> bytes | None:
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


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, tuple[int, dict[str, Any]]]]:
    """The stage after its first seed, and what the companion's health said before LocalStack was there."""
    if not _PYTHON.exists():
        pytest.skip("LocalStack's environment .venv-localstack is not there: run ./just setup")
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform on PATH")
    stage = Stage(tmp_path_factory.mktemp("companion"))
    try:
        stage.start_companion()
        before = stage.health()
        stage.start_localstack()
        stage.wait_for_state("ready")
        yield stage, before
    finally:
        stage.close()


@pytest.fixture
def stage(seeded: tuple[Stage, tuple[int, dict[str, Any]]]) -> Stage:
    """LocalStack and companion up and ready, whatever the test before did to them."""
    stage, _ = seeded
    if not stage.pid:
        stage.start_localstack()
    if stage.companion is None:
        stage.start_companion()
    stage.wait_for_state("ready")
    return stage


def test_health_is_refused_until_the_buckets_are_there(
    seeded: tuple[Stage, tuple[int, dict[str, Any]]], stage: Stage
) -> None:
    # given
    _, (status, body) = seeded
    # when
    now = stage.health()
    # then
    assert status == 503
    assert body["state"] == "waiting"
    assert now[0] == 200
    assert {one["Name"] for one in stage.s3.list_buckets()["Buckets"]} == {_LAKE, _ARTIFACTS}


def test_the_secrets_are_there_and_not_in_terraforms_state(stage: Stage) -> None:
    # when
    found = {
        name: stage.secrets.get_secret_value(SecretId=f"closecast-local/{name}")["SecretString"] for name in _SECRETS
    }
    # then
    assert found == _SECRETS
    state = (stage.settings.terraform_state / "terraform.tfstate").read_text()
    assert "closecast-local/cache" in state
    assert not [value for value in _SECRETS.values() if value in state]


def test_a_second_plan_has_nothing_to_change(stage: Stage) -> None:
    # given
    folder, named = stage.settings.terraform_state, os.environ.get("TF_CLI_CONFIG_FILE", "")
    environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"} | {
        "TF_DATA_DIR": str(folder / "data"),
        "TF_VAR_endpoint": stage.settings.endpoint,
        "TF_VAR_secret_values": stage.settings.secret_values,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "TF_CLI_CONFIG_FILE": named if Path(named).is_file() else os.devnull,
    }
    # when
    planned = subprocess.run(
        ["terraform", f"-chdir={terraform.ENVIRONMENT}", "plan", "-input=false", "-no-color", "-detailed-exitcode"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # then
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "No changes" in planned.stdout


def test_an_object_reaches_the_disk_changes_there_and_leaves_it(stage: Stage) -> None:
    # given
    stage.put("lives/once.txt", b"first")
    stage.put("lives/stays.txt", b"stays")
    _until(lambda: stage.mirrored("lives/once.txt") == b"first", "the object is on disk")
    # when
    stage.put("lives/once.txt", b"second")
    _until(lambda: stage.mirrored("lives/once.txt") == b"second", "the changed object is on disk")
    stage.s3.delete_object(Bucket=_LAKE, Key="lives/once.txt")
    _until(lambda: stage.mirrored("lives/once.txt") is None, "the deleted object is gone from disk")
    # then
    assert stage.mirrored("lives/stays.txt") == b"stays"


@pytest.mark.parametrize("key", _KEYS)
def test_flush_answers_once_everything_is_on_disk(key: str, stage: Stage) -> None:
    # given
    body = os.urandom(1000)
    stage.put(key, body)
    # when
    status, answer = stage.ask("POST", "/flush")
    # then
    assert status == 200
    assert stage.mirrored(key) == body
    assert answer["objects"] == len(stage.disk())


def test_a_silent_localstack_is_ready_again_once_it_answers(stage: Stage) -> None:
    # given
    session = stage.health()[1]["session"]
    # when
    os.killpg(stage.pid, signal.SIGSTOP)
    try:
        waiting = stage.wait_for_state("waiting")
    finally:
        os.killpg(stage.pid, signal.SIGCONT)
    # then
    assert waiting["reason"] == "LocalStack does not answer"
    assert stage.wait_for_state("ready")["session"] == session
    assert stage.health()[0] == 200


def test_objects_outlive_a_killed_localstack_byte_for_byte(stage: Stage) -> None:
    # given
    bodies = {key: os.urandom(1 + 50_000 * number) for number, key in enumerate(_KEYS)}
    bodies |= {"empty": b"", "large.bin": os.urandom(12_000_000)}
    for key, body in bodies.items():
        stage.put(key, body)
    stage.s3.put_object(Bucket=_ARTIFACTS, Key="mlflow/1/model.txt", Body=b"model")
    assert stage.ask("POST", "/flush")[0] == 200
    before, session = stage.disk(), stage.health()[1]["session"]
    # when
    stage.kill_localstack()
    stage.wait_for_state("waiting")
    refused = stage.ask("POST", "/flush")
    stage.start_localstack()
    ready = stage.wait_for_state("ready")
    # then
    assert refused[0] == 503
    assert "LocalStack is not ready" in refused[1]["error"]
    assert ready["session"] != session
    assert ready["objects"] == len(before)
    assert {key: stage.get(key) for key in bodies} == bodies
    assert stage.s3.get_object(Bucket=_ARTIFACTS, Key="mlflow/1/model.txt")["Body"].read() == b"model"
    assert stage.secrets.get_secret_value(SecretId="closecast-local/cache")["SecretString"] == _SECRETS["cache"]
    assert stage.ask("POST", "/flush")[0] == 200
    assert stage.disk() == before


def test_an_object_may_take_the_name_of_a_folder_that_was_left(stage: Stage) -> None:
    # given
    stage.put("turns/deep/into", b"before")
    assert stage.ask("POST", "/flush")[0] == 200
    stage.s3.delete_object(Bucket=_LAKE, Key="turns/deep/into")
    assert stage.ask("POST", "/flush")[0] == 200
    # when
    stage.put("turns", b"after")
    status, answer = stage.ask("POST", "/flush")
    # then
    assert (status, answer.get("error")) == (200, None)
    assert stage.mirrored("turns") == b"after"


def test_a_second_companion_keeps_what_came_after_the_first(stage: Stage) -> None:
    # given
    for key in ("adopted/overwritten", "adopted/deleted", "adopted/kept"):
        stage.put(key, b"old")
    stage.stop_companion()
    assert stage.mirrored("adopted/kept") == b"old"
    stage.put("adopted/overwritten", b"newer")
    stage.put("adopted/added", b"new")
    stage.s3.delete_object(Bucket=_LAKE, Key="adopted/deleted")
    # when
    stage.start_companion()
    ready = stage.wait_for_state("ready")
    # then: nothing was applied or restored a second time
    assert ready["seconds"] == {}
    wanted = {"adopted/overwritten": b"newer", "adopted/added": b"new", "adopted/kept": b"old"}
    listed = stage.s3.list_objects_v2(Bucket=_LAKE, Prefix="adopted/")["Contents"]
    assert {one["Key"]: stage.get(one["Key"]) for one in listed} == wanted
    assert {key: stage.mirrored(key) for key in wanted} == wanted
    assert stage.mirrored("adopted/deleted") is None


def test_an_empty_new_localstack_never_wipes_the_disk(stage: Stage) -> None:
    # given: a companion that has not noticed yet that LocalStack began anew
    stage.put("precious", b"bytes")
    companion = stage.companion
    assert companion is not None
    stage.stop_companion()
    before = stage.disk()
    stage.kill_localstack()
    stage.start_localstack()
    # when
    without_buckets = companion.flush()
    for bucket in (_LAKE, _ARTIFACTS):
        stage.s3.create_bucket(Bucket=bucket)
    with_empty_buckets = companion.flush()
    # then
    assert without_buckets == with_empty_buckets == "LocalStack began anew while its buckets were read"
    assert before[f"{_LAKE}/precious"] == b"bytes"
    assert stage.disk() == before
    for bucket in (_LAKE, _ARTIFACTS):
        stage.s3.delete_bucket(Bucket=bucket)
    # when: the next companion takes over while Terraform cannot work
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_VAR_name", "Not A Bucket")
        stage.start_companion()
        failed, (status, _) = stage.wait_for_state("failed"), stage.health()
        # then
        assert status == 503
        assert failed["reason"].startswith("Error: Invalid value for variable")
        assert failed["session"] is None
        assert stage.disk() == before
    # when: the reason is gone
    ready = stage.wait_for_state("ready")
    # then
    assert ready["objects"] == len(before)
    assert stage.get("precious") == b"bytes"
    assert stage.disk() == before


def test_localstack_keeps_its_objects_in_its_own_folder(stage: Stage) -> None:
    # when
    found = {path.name for path in (stage.folder / "localstack" / "objects").iterdir()}
    # then
    assert {_LAKE, _ARTIFACTS} <= found
    assert (stage.folder / "localstack").stat().st_mode & 0o777 == 0o700


def test_a_copy_that_fails_is_told_and_done_again(stage: Stage) -> None:
    # given: a file in the place of a bucket's folder
    stage.stop_companion()
    elsewhere = stage.folder / "blocked"
    elsewhere.mkdir()
    (elsewhere / _LAKE).write_text("in the way")
    stage.put("blocked", b"bytes")
    stage.settings, kept = replace(stage.settings, mirror=elsewhere), stage.settings
    try:
        # when
        stage.start_companion()
        failed = stage.wait_for_state("failed")
        # then
        assert "rclone could not copy aws:closecast-local-lake" in failed["reason"]
        assert stage.ask("POST", "/flush")[0] == 503
        # when
        (elsewhere / _LAKE).unlink()
        # then
        stage.wait_for_state("ready")
        assert stage.mirrored("blocked") == b"bytes"
    finally:
        stage.stop_companion()
        stage.settings = kept
