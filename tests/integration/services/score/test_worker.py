"""One part of a batch in its worker, as Nomad starts it, on a real object store and a real registry."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from closecast.deals.synthetic.generator import generate
from closecast.models.deal_model import DealModel, digest
from closecast.platform.batch import scoring_run
from closecast.platform.lake.store import Lake
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import LakeSettings
from tests.servers.localstack import S3
from tests.servers.mlflow import Guarded
from tests.servers.processes import PROJECT, free_port
from tests.waiting import awaited

pytestmark = pytest.mark.integration
TARGET = "predictions/2017-12-31-test"


def _deals(rows: int = 3_000) -> pd.DataFrame:
    deals = generate(rows, seed=1)
    return deals[deals["deal_stage"] == "Engaging"].reset_index(drop=True)


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer)
    return buffer.getvalue()


def _spoilt_in_the_middle() -> bytes:
    content = bytearray(_parquet(_deals()))
    content[200:2_000] = b"\xff" * 1_800
    return bytes(content)


class Worker:
    def __init__(self, lake: Lake, environment: dict[str, str]) -> None:
        self.lake, self._environment = lake, environment

    def put(self, name: str, content: bytes) -> None:
        with self.lake.writing(f"scoring/{name}.parquet") as file:
            file.write(content)

    def start(self, name: str, instance: str, **environment: str) -> "subprocess.Popen[str]":
        told = {
            "CLOSECAST_SOURCE": f"scoring/{name}.parquet",
            "CLOSECAST_TARGET": self.target(name),
            "NOMAD_JOB_ID": instance,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "services.score.guard"],
            cwd=PROJECT,
            env={**self._environment, **told, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, name: str, instance: str = "score/dispatch-1") -> tuple[int, str]:
        process = self.start(name, instance)
        printed, _ = process.communicate(timeout=200)
        return process.returncode, printed

    def target(self, name: str) -> str:
        return f"{TARGET}/{name}.parquet"

    def reason(self, name: str, instance: str = "score/dispatch-1") -> str | None:
        return scoring_run.refusal(self.lake, self.target(name), instance)


@pytest.fixture
def worker(s3: S3, mlflow_uri: str, empty_registry: ModelRegistry, served_model: DealModel, tmp_path: Path) -> Worker:
    client = MlflowClient(mlflow_uri)
    run = client.create_run("0")
    served_model.save(tmp_path / "model")
    client.log_artifacts(run.info.run_id, str(tmp_path / "model"), "model")
    kept = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    environment = {
        **kept,
        **s3.environment,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "NO_PROXY": "127.0.0.1,localhost",
        "CLOSECAST_AS_OF": "2017-12-31",
        "CLOSECAST_HORIZON": "30",
        "CLOSECAST_MODEL_CACHE": str(tmp_path / "cache"),
        "CLOSECAST_MODEL_VERSION": empty_registry.register(run.info.run_id, {}),
        "CLOSECAST_MODEL_RUN": run.info.run_id,
        "CLOSECAST_MODEL_SHA256": digest(tmp_path / "model"),
    }
    return Worker(Lake(LakeSettings.from_environment(environment)), environment)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty", lambda: b"", "the input is empty: 0 bytes"),
        ("text", lambda: b"opportunity_id,product\n1,GTX\n", "the input is not Parquet: "),
        ("cut", lambda: _parquet(_deals())[:-20], "the input is not Parquet: "),
        ("spoilt", _spoilt_in_the_middle, "the input is damaged: "),
        (
            "columns",
            lambda: _parquet(_deals().drop(columns=["product", "engage_date"])),
            "lacks the column product, engage_date",
        ),
        (
            "lists",
            lambda: _parquet(_deals().assign(product=_deals()["product"].map(lambda name: [name]))),
            "the input's column product is of type list<",
        ),
    ],
)
def test_a_part_that_cannot_be_read_is_refused_with_its_reason_and_not_tried_again(
    worker: Worker, name: str, content: Callable[[], bytes], reason: str
) -> None:
    # given
    worker.put(name, content())
    # when
    status, printed = worker.run(name)
    # then it is no failure for Nomad, which would try it again, and the reason is kept for the flow
    assert status == 0, printed
    assert "Traceback" not in printed
    told = worker.reason(name)
    assert told is not None
    assert reason in told
    assert reason in printed
    assert worker.target(name) not in worker.lake.keys(TARGET)
    # and it is of this instance alone
    assert worker.reason(name, "score/dispatch-2") is None


def test_a_part_that_was_mended_loses_the_reason(worker: Worker) -> None:
    # given
    worker.put("mended", b"")
    worker.run("mended")
    # when
    worker.put("mended", _parquet(_deals()))
    status, printed = worker.run("mended", "score/dispatch-2")
    # then
    assert status == 0, printed
    assert worker.reason("mended") is None
    assert [key for key in worker.lake.keys(TARGET) if "mended" in key] == [worker.target("mended")]
    with worker.lake.opened(worker.target("mended")) as file:
        assert pq.read_metadata(file).num_rows == len(_deals())


def _child(process: "subprocess.Popen[str]") -> psutil.Process:
    children = psutil.Process(process.pid).children
    return awaited(lambda: [child for child in children() if "services.score" in child.cmdline()])[0]


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (signal.SIGSEGV, 0, "reading the input ended the process with SIGSEGV: the file is damaged"),
        (signal.SIGABRT, 0, "reading the input ended the process with SIGABRT: the file is damaged"),
        (signal.SIGKILL, 137, None),  # short of memory, or a person: Nomad tries it again
    ],
)
def test_a_file_that_ends_its_reader_is_refused(worker: Worker, number: int, status: int, reason: str | None) -> None:
    worker.put("crash", _parquet(_deals()))
    process = worker.start("crash", f"score/dispatch-{number}")
    _child(process).send_signal(number)
    printed, _ = process.communicate(timeout=100)
    assert process.returncode == status, printed
    assert worker.reason("crash", f"score/dispatch-{number}") == reason


def test_a_registry_that_is_away_is_waited_for(worker: Worker, mlflow_uri: str) -> None:
    # given an address at which the registry answers only later
    worker.put("later", _parquet(_deals()))
    port = free_port()
    process = worker.start("later", "score/dispatch-9", MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "asked again for up to 180 s: the MLflow server at" in line
    # when
    forward = subprocess.Popen([sys.executable, "-c", _FORWARD, str(port), mlflow_uri.rpartition(":")[2]])
    try:
        printed, _ = process.communicate(timeout=200)
    finally:
        forward.kill()
        forward.wait()
    # then
    assert process.returncode == 0, printed
    assert "rows, 0 of them cannot be scored" in printed


def test_a_wrong_password_ends_it_at_once_and_is_told(worker: Worker, guarded: Guarded) -> None:
    worker.put("denied", _parquet(_deals()))
    shown = {
        **guarded.environment(guarded.reader),
        "MLFLOW_TRACKING_PASSWORD": "wrong",
        "CLOSECAST_MODEL_RUN": "0" * 32,
    }
    process = worker.start("denied", "score/dispatch-10", **shown)
    printed, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "MLFLOW_TRACKING_PASSWORD to what `just passwords` prints; a job has them from its Variable" in printed
    assert "asked again" not in printed


_FORWARD = """
import socket, sys, threading
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    one, _ = listener.accept()
    other = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((one, other), (other, one)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""
