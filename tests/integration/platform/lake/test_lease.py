"""A flow and its instance as processes of their own, on a real object store: one is killed, or the store is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from closecast.deals import contract
from closecast.deals.synthetic.generator import generate
from closecast.platform.lake.store import Lake
from closecast.platform.settings import LakeSettings
from tests.localstack_script import skip_without_environment
from tests.servers.localstack import localstack_server
from tests.servers.processes import PROJECT, free_port
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]
_LOST = 4.0  # seconds; in place of two minutes
_FLOW = """
import os, sys
from closecast.platform.lake import lease
from closecast.platform.lake.store import Lake
from closecast.platform.settings import LakeSettings
with lease.held(Lake(LakeSettings.from_environment(os.environ)), print, 0.3) as key:
    print(key, flush=True)
    if sys.stdin.readline() == "fail\\n":
        raise ValueError("the flow's own")
"""
_INSTANCE = """
import os, sys, threading
from closecast.platform.lake import lease
from closecast.platform.lake.store import Lake
from closecast.platform.settings import LakeSettings
def end(why):
    print(why, flush=True)
    os._exit(0)
watch = lease.Watch(Lake(LakeSettings.from_environment(os.environ)), sys.argv[1], float(sys.argv[2]))
lease.watched(watch, end, 0.3)
sys.stdin.read()
"""


class Store:
    """An object store with the lake's bucket, which forgets everything when it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.environment = {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self._port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "LKLEASELEASELEASELEA",
            "AWS_SECRET_ACCESS_KEY": "x" * 40,
            "CLOSECAST_LAKE_BUCKET": f"closecast-test-lease-{self._port}",
        }
        self.lake = Lake(LakeSettings.from_environment(self.environment))
        self._life = ExitStack()

    def start(self) -> None:
        keys = self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"]
        self._pid = self._life.enter_context(localstack_server(self._port, *keys, self._folder))

    def make_bucket(self) -> None:
        client = boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL_S3"],
            region_name="us-east-1",
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=self.environment["CLOSECAST_LAKE_BUCKET"])

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self._life.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    skip_without_environment()
    store = Store(tmp_path_factory.mktemp("lease"))
    store.start()
    store.make_bucket()
    yield store
    store.close()


class Both:
    """A flow that holds a lease, and an instance that goes on for as long as it does."""

    def __init__(self, store: Store, lost: float = _LOST) -> None:
        kept = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        self._environment = {**kept, **store.environment, "NO_PROXY": "127.0.0.1,localhost"}
        self.flow = self._start(_FLOW)
        assert self.flow.stdout is not None
        self.key = self.flow.stdout.readline().strip()
        self.instance = self._start(_INSTANCE, self.key, str(lost))

    def _start(self, code: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=PROJECT,
            env=self._environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def tell_flow(self, line: str) -> None:
        assert self.flow.stdin is not None
        self.flow.stdin.write(f"{line}\n")
        self.flow.stdin.flush()

    def why(self) -> str:
        """What the instance said when it ended by itself."""
        self.instance.wait(60)
        assert self.instance.stdout is not None
        return self.instance.stdout.read()

    def goes_on(self, seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self.instance.wait(seconds)
        return self.instance.returncode is None

    def close(self) -> None:
        for process in (self.flow, self.instance):
            process.kill()
            process.communicate()


@pytest.fixture
def both(store: Store) -> Iterator[Both]:
    both = Both(store)
    yield both
    both.close()


def test_an_instance_goes_on_while_the_flow_does_and_ends_after_its_kill(store: Store, both: Both) -> None:
    # given that it outlives many times what a silent flow is given
    assert both.goes_on(2 * _LOST)
    # when
    both.flow.send_signal(signal.SIGKILL)
    # then
    assert both.why() == f"the flow that this works for was not heard of for {_LOST:.0f} s\n"
    assert not store.lake.has(both.key)


def test_a_flow_that_stands_still_is_waited_for(store: Store) -> None:
    both = Both(store, lost=40)
    try:
        both.flow.send_signal(signal.SIGSTOP)
        assert both.goes_on(5)
        both.flow.send_signal(signal.SIGCONT)
        before = store.lake.read_text(both.key)
        until(lambda: store.lake.read_text(both.key) != before)
        assert both.goes_on(1)
    finally:
        both.close()


def test_an_instance_ends_with_a_flow_that_fails(both: Both) -> None:
    assert both.goes_on(1)
    both.tell_flow("fail")
    assert both.why() == "the flow that this works for has ended\n"
    assert both.flow.wait(60) == 1
    assert both.flow.stdout is not None
    assert "ValueError: the flow's own" in both.flow.stdout.read()


def test_a_flow_that_ends_well_leaves_no_lease(store: Store, both: Both) -> None:
    both.tell_flow("end")
    assert both.flow.wait(60) == 0
    assert not store.lake.has(both.key)
    # and an instance that hangs is not left behind
    assert "was not heard of" in both.why()


def test_a_store_that_is_killed_and_comes_back_empty_costs_no_instance(store: Store, both: Both) -> None:
    assert both.goes_on(1)
    # when it is away for longer than a silent flow is given
    store.kill()
    assert both.goes_on(2 * _LOST)
    # and back without its bucket, then with an empty one
    store.start()
    assert both.goes_on(2 * _LOST)
    store.make_bucket()
    until(lambda: store.lake.has(both.key))
    assert both.goes_on(2 * _LOST)
    # then the flow's end still ends it
    both.flow.send_signal(signal.SIGKILL)
    assert "was not heard of" in both.why()


def test_a_trial_ends_by_itself_when_its_flow_has(store: Store) -> None:
    """The worker as Nomad starts it; no trial is run, and Nomad has no failure to start it again for."""
    # given
    store.lake.put_text("leases/over", "ended")
    deals = contract.check(generate(3_000, seed=1)).accepted
    environment = {
        **os.environ,
        **store.environment,
        "NO_PROXY": "127.0.0.1,localhost",
        "CLOSECAST_LEASE": "leases/over",
        "CLOSECAST_STUDY": "s",
        "CLOSECAST_CUT": "2017-09-01",
        "CLOSECAST_TRIALS": "1",
        "CLOSECAST_SEED": "",
        "CLOSECAST_SILVER_KEY": store.lake.put_parquet("silver", deals),
        "OPTUNA_STORAGE": f"postgresql+psycopg://optuna:none@127.0.0.1:{free_port()}/optuna",
    }
    environment.pop("AWS_CA_BUNDLE", None)
    # when
    done = subprocess.run(
        [sys.executable, "-m", "services.trial"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    # then
    assert done.returncode == 0, done.stderr
    assert "the flow that this works for has ended" in done.stderr
    assert "this worker ran" not in done.stderr
