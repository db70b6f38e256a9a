"""The companion beside a real LocalStack, with the real Terraform: what is in S3 outlives LocalStack."""

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.bucket_mirror import terraform
from tests.integration.services.bucket_mirror.stage import ARTIFACTS, LAKE, SECRETS, Stage
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

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
    assert {one["Name"] for one in stage.s3.list_buckets()["Buckets"]} == {LAKE, ARTIFACTS}


def test_the_names_of_the_secrets_are_there_and_their_values_open_nothing(stage: Stage) -> None:
    # when
    found = {
        name: stage.secrets.get_secret_value(SecretId=f"closecast-local/{name}")["SecretString"] for name in SECRETS
    }
    # then
    assert set(found.values()) == {"not kept in LocalStack"}
    state = (stage.settings.terraform_state / "terraform.tfstate").read_text()
    assert "closecast-local/cache" in state
    assert "not kept in LocalStack" not in state


def test_a_second_plan_has_nothing_to_change(stage: Stage) -> None:
    # given
    folder, named = stage.settings.terraform_state, os.environ.get("TF_CLI_CONFIG_FILE", "")
    environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"} | {
        "TF_DATA_DIR": str(folder / "data"),
        "TF_VAR_endpoint": stage.settings.endpoint,
        "AWS_ACCESS_KEY_ID": stage.settings.access_key,
        "AWS_SECRET_ACCESS_KEY": stage.settings.secret_key,
        "TF_CLI_CONFIG_FILE": named if Path(named).is_file() else os.devnull,
    }
    # when
    planned = subprocess.run(
        [
            "terraform",
            f"-chdir={terraform.ROOT / terraform.ENVIRONMENT}",
            "plan",
            "-input=false",
            "-no-color",
            "-detailed-exitcode",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    # then
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "No changes" in planned.stdout


def test_an_object_reaches_the_disk_changes_there_and_leaves_it(stage: Stage) -> None:
    # given
    stage.put("lives/once.txt", b"first")
    stage.put("lives/stays.txt", b"stays")
    until(lambda: stage.mirrored("lives/once.txt") == b"first", told=lambda: "the object is on disk")
    # when
    stage.put("lives/once.txt", b"second")
    until(lambda: stage.mirrored("lives/once.txt") == b"second", told=lambda: "the changed object is on disk")
    stage.s3.delete_object(Bucket=LAKE, Key="lives/once.txt")
    until(lambda: stage.mirrored("lives/once.txt") is None, told=lambda: "the deleted object is gone from disk")
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
    stage.s3.put_object(Bucket=ARTIFACTS, Key="mlflow/1/model.txt", Body=b"model")
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
    assert stage.s3.get_object(Bucket=ARTIFACTS, Key="mlflow/1/model.txt")["Body"].read() == b"model"
    assert stage.secrets.get_secret_value(SecretId="closecast-local/cache")["SecretString"] == "not kept in LocalStack"
    assert stage.ask("POST", "/flush")[0] == 200
    assert stage.disk() == before


def test_an_object_may_take_the_name_of_a_folder_that_was_left(stage: Stage) -> None:
    # given
    stage.put("turns/deep/into", b"before")
    assert stage.ask("POST", "/flush")[0] == 200
    stage.s3.delete_object(Bucket=LAKE, Key="turns/deep/into")
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
    stage.s3.delete_object(Bucket=LAKE, Key="adopted/deleted")
    # when
    stage.start_companion()
    ready = stage.wait_for_state("ready")
    # then: nothing was applied or restored a second time
    assert ready["seconds"] == {}
    wanted = {"adopted/overwritten": b"newer", "adopted/added": b"new", "adopted/kept": b"old"}
    listed = stage.s3.list_objects_v2(Bucket=LAKE, Prefix="adopted/")["Contents"]
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
    for bucket in (LAKE, ARTIFACTS):
        stage.s3.create_bucket(Bucket=bucket)
    with_empty_buckets = companion.flush()
    # then
    assert without_buckets == with_empty_buckets == "LocalStack restarted while its buckets were read"
    assert before[f"{LAKE}/precious"] == b"bytes"
    assert stage.disk() == before
    for bucket in (LAKE, ARTIFACTS):
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
    found = {path.name for path in (stage.folder / "localstack" / "state" / "objects").iterdir()}
    # then
    assert {LAKE, ARTIFACTS} <= found
    assert (stage.folder / "localstack" / "state").stat().st_mode & 0o777 == 0o700


def test_a_copy_that_fails_is_told_and_done_again(stage: Stage) -> None:
    # given: a file in the place of a bucket's folder
    stage.stop_companion()
    elsewhere = stage.folder / "blocked"
    elsewhere.mkdir()
    (elsewhere / LAKE).write_text("in the way")
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
        (elsewhere / LAKE).unlink()
        # then
        stage.wait_for_state("ready")
        assert stage.mirrored("blocked") == b"bytes"
    finally:
        stage.stop_companion()
        stage.settings = kept
