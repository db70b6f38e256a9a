"""Tuning and batch scoring on dispatched Nomad allocations, one of which is killed halfway."""

import io
import re
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import optuna
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.deals.synthetic.generator import generate
from closecast.platform import studies
from closecast.platform.lake.store import Lake
from closecast.platform.settings import LakeSettings
from ops.down import processes_of
from ops.nomad import jobs
from tests.e2e.conftest import Platform
from tests.waiting import awaited, until

pytestmark = pytest.mark.e2e


def _instances(platform: Platform, job: str) -> list[psutil.Process]:
    """The running processes of a parameterized job's instances."""
    found = []
    for process in processes_of(platform.session.agent.data):
        try:
            is_task = process.environ().get("NOMAD_JOB_NAME", "").startswith(f"{job}/dispatch-")
            if is_task and f"services.{job}" in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _kill_one(platform: Platform, job: str, killed: list[int], after: float) -> None:
    """kill -9 of one instance, `after` seconds of its life."""
    process = awaited(
        lambda: next((one for one in _instances(platform, job) if time.time() - one.create_time() > after), None), 90
    )
    process.kill()
    killed.append(process.pid)


@pytest.fixture
def lake(platform: Platform) -> Iterator[Lake]:
    credentials = platform.session.credentials.variables()["localstack"]
    yield Lake(
        LakeSettings(
            "closecast-local-lake",
            "us-east-1",
            jobs.address(platform.session.cluster, "localstack"),
            credentials["object_store_access_key"],
            credentials["object_store_secret_key"],
        )
    )


def _storage(platform: Platform) -> optuna.storages.RDBStorage:
    password = platform.session.credentials.optuna_database_password
    address = jobs.address(platform.session.cluster, "postgres").partition("://")[2]
    return studies.storage(f"postgresql+psycopg://optuna:{password}@{address}/optuna")


def test_a_killed_allocation_costs_one_trial(platform: Platform) -> None:
    # given a search by two workers, one of which is killed in the middle of a trial
    study = f"test-{uuid.uuid4().hex[:8]}"
    killed: list[int] = []
    killer = threading.Thread(target=_kill_one, args=(platform, "trial", killed, 7.0))
    killer.start()
    # when
    printed = platform.just("tune", "source=synthetic:12000", "trials=24", "workers=2", f"study={study}")
    killer.join()
    # then the search is complete, by workers at once, and the one trial that was lost is the only one
    assert killed
    assert "search: completed" in printed
    trials = optuna.load_study(study_name=study, storage=_storage(platform)).get_trials()
    states = [trial.state.name for trial in trials]
    assert states.count("COMPLETE") + states.count("PRUNED") >= 24
    assert states.count("FAIL") <= 1
    assert "RUNNING" not in states
    assert len({trial.user_attrs.get("worker") for trial in trials} - {None}) == 2
    begun = sorted(
        (trial.datetime_start, trial.datetime_complete)
        for trial in trials
        if trial.datetime_start and trial.datetime_complete
    )
    assert any(later[0] < earlier[1] for earlier, later in pairwise(begun))
    assert not _instances(platform, "trial")


def _part(rows: int, seed: int) -> bytes:
    deals = generate(rows, seed=seed)
    open_deals = deals[deals["deal_stage"] == "Engaging"]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(open_deals, preserve_index=False), buffer)
    return buffer.getvalue()


def _results(lake: Lake, target: str) -> dict[str, Any]:
    found = {}
    for key in lake.keys(target):
        with lake.opened(key) as file:
            found[key] = file.read()
    return found


def test_a_batch_is_scored_once_though_an_allocation_is_killed(platform: Platform, lake: Lake) -> None:
    # given three parts in the lake
    folder, wanted = f"scoring/test-{uuid.uuid4().hex[:8]}", 0
    for number in range(3):
        content = _part(60_000, seed=number)
        wanted += pq.read_metadata(io.BytesIO(content)).num_rows
        with lake.writing(f"{folder}/part-{number}.parquet") as file:
            file.write(content)
    before = set(lake.keys("predictions"))
    killed: list[int] = []
    killer = threading.Thread(target=_kill_one, args=(platform, "score", killed, 0.7))
    killer.start()
    # when
    printed = platform.just("prefect-run", "score/closecast", f"source={folder}", "horizon=30")
    killer.join()
    # then every deal has one answer
    assert killed
    assert "parts: completed" in printed
    made = sorted(set(lake.keys("predictions")) - before)
    assert [key.rpartition("/")[2] for key in made] == [
        "_SUCCESS.json",
        "part-0.parquet",
        "part-1.parquet",
        "part-2.parquet",
    ]
    target = made[0].rpartition("/")[0]
    first = _results(lake, target)
    scored = pa.concat_tables([pq.read_table(io.BytesIO(first[key])) for key in made[1:]])
    assert len(scored) == wanted
    assert scored["probability"].null_count == 0
    # and a repetition finds it done
    platform.just("prefect-run", "score/closecast", f"source={folder}", "horizon=30")
    assert _results(lake, target) == first


def test_bad_parts_stop_no_other_and_are_told_at_the_end(platform: Platform, lake: Lake) -> None:
    # given two good parts, two that cannot be scored, and what Spark leaves beside them
    folder = f"scoring/test-{uuid.uuid4().hex[:8]}"
    good = _part(3_000, seed=1)
    contents = {
        "a.parquet": b"",
        "b.parquet": good,
        "day=1/c.parquet": b"no Parquet",
        "day=1/d.parquet": good,
        ".b.parquet": b"",
        "_temporary/0/e.parquet": b"junk",
        "day=1/.f.parquet": b"",
    }
    for name, content in contents.items():
        with lake.writing(f"{folder}/{name}") as file:
            file.write(content)
    before = set(lake.keys("predictions"))
    # when
    printed = platform.just("prefect-run", "score/closecast", f"source={folder}", "horizon=30", fails=True)
    # then the good ones are done, and each bad one is named with its reason
    assert f"2 of 4 parts of {folder} are not scored: {folder}/a.parquet: the input is empty: 0 bytes;" in printed
    assert f"{folder}/day=1/c.parquet: the input is not Parquet: " in printed
    made = sorted(key.split("/", 2)[2] for key in set(lake.keys("predictions")) - before)
    assert made == ["_a.parquet.refused.json", "b.parquet", "day=1/_c.parquet.refused.json", "day=1/d.parquet"]
    # and mended, the rest is scored
    for name in ("a.parquet", "day=1/c.parquet"):
        with lake.writing(f"{folder}/{name}") as file:
            file.write(good)
    assert "conclude: completed" in platform.just("prefect-run", "score/closecast", f"source={folder}", "horizon=30")


@pytest.mark.timeout(900)
def test_a_minute_without_the_agent_costs_nothing_but_time(platform: Platform, lake: Lake) -> None:
    # given a search and a batch, and an agent that hangs for a minute in the middle of both
    folder, study = (f"{kind}test-{uuid.uuid4().hex[:8]}" for kind in ("scoring/", ""))
    with lake.writing(f"{folder}/a.parquet") as file:
        file.write(_part(60_000, seed=2))
    with ThreadPoolExecutor() as pool:
        search = pool.submit(platform.just, "tune", "source=synthetic:3000", "trials=6", f"study={study}")
        until(lambda: _instances(platform, "trial"), 200)
        batch = pool.submit(platform.just, "prefect-run", "score/closecast", f"source={folder}", "horizon=30")
        until(lambda: _instances(platform, "score"), 200)
        agent = platform.session.agent.process()
        assert agent is not None
        # when
        agent.suspend()
        time.sleep(60)  # noqa: TID251 - how long Nomad is away is what is tried
        agent.resume()
        # then
        for one in (search, batch):
            assert re.search(r"flow run \S+: completed", one.result())


def test_a_study_of_other_data_is_refused_by_name(platform: Platform) -> None:
    study = f"test-{uuid.uuid4().hex[:8]}"
    platform.just("tune", "source=synthetic:3000", "trials=2", f"study={study}")
    printed = platform.just("tune", "source=synthetic:2500", "trials=2", f"study={study}", fails=True)
    assert f"the study {study} is of another search: the data are " in printed
    assert "(synthetic:3000) there" in printed
    assert "(synthetic:2500) here" in printed


def test_a_folder_without_parts_is_named(platform: Platform) -> None:
    printed = platform.just("prefect-run", "score/closecast", "source=scoring/nothing", fails=True)
    assert "the lake holds no .parquet file below scoring/nothing/" in printed


def test_a_parameter_out_of_range_is_refused_before_a_run(platform: Platform) -> None:
    printed = platform.just("prefect-run", "tune/closecast", "trials=0", fails=True)
    assert "trials" in printed


def test_each_flow_runs_on_the_worker(platform: Platform) -> None:
    flows = ("ingest", "eda", "evaluate")
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(platform.just, "prefect-run", f"{flow}/closecast", "source=synthetic:3000") for flow in flows
        ]
    assert ["completed" in one.result() for one in runs] == [True, True, True]
