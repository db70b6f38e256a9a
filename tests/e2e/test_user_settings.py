"""What a user sets on the running platform: its source, and what a parameter means."""

import os
import shutil
import tempfile
from pathlib import Path

import httpx
import pytest

from closecast.deals.synthetic.generator import generate
from closecast.platform.prefect_http import PrefectAuth
from ops.model.source import own_source, set_own_source
from ops.prefect.handover import readable
from ops.prefect.pipeline import Prefect
from tests.e2e.conftest import Platform
from tests.skips import OF_ACCOUNT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_the_source_of_up_is_the_platforms(platform: Platform) -> None:
    # given
    prefect = Prefect(platform.address("prefect"))
    before = own_source(prefect)
    assert before is not None
    assert f"source        {before}" in platform.just("status")
    folder = Path(tempfile.mkdtemp())  # which other accounts may enter, as they may not where pytest keeps its folders
    folder.chmod(0o755)
    file = folder / "deals.csv"
    generate(2_500, seed=5).to_csv(file, index=False)
    try:
        # when
        assert f"source        file:{file}" in platform.just("up", f"source=file:{file}")
        # then it is kept, shown, and what a run without a source reads
        assert f"source        file:{file}" in platform.just("up")
        assert f"source        file:{file}" in platform.just("status")
        platform.just("prefect-run", "ingest/closecast")
        body = {"artifacts": {"key": {"any_": ["ingest-report"]}}, "sort": "CREATED_DESC", "limit": 1}
        (report,) = prefect.call("POST", "/artifacts/filter", body)
        assert "# file:deals.csv" in report["data"]
        # and once the file is gone, that is told, and the champion serves
        file.unlink()
        assert "(it is gone" in platform.just("status")
        printed = platform.just("prefect-run", "ingest/closecast", fails=True)
        assert f"the platform's source file:{file} cannot be used: there is no file {file}" in printed
        assert "has a chance of" in platform.just("up")
    finally:
        set_own_source(prefect, before)
        shutil.rmtree(folder)


@pytest.mark.skipif(
    os.geteuid() != 0, reason=f"{OF_ACCOUNT} anybody else's flows run as who calls, and read what that one may"
)
def test_a_file_that_only_root_may_read_reaches_the_flows_as_a_copy(platform: Platform, tmp_path: Path) -> None:
    # given
    file = tmp_path / "deals.csv"
    generate(2_500, seed=5).to_csv(file, index=False)
    file.chmod(0o600)
    # when
    source = readable(f"file:{file}")
    # then
    assert source is not None
    assert source != f"file:{file}"
    assert source.endswith("/deals.csv")
    platform.just("prefect-run", "ingest/closecast", f"source={source}")
    assert Path(source.removeprefix("file:")).stat().st_mode & 0o777 == 0o400
    # and one that everybody may read is read where it is
    assert readable("file:/etc/passwd") == "file:/etc/passwd"
    assert readable("synthetic:100") == "synthetic:100"


def test_a_users_parameter_and_schedule_outlive_a_deployment(platform: Platform) -> None:
    # given
    auth = PrefectAuth(platform.session.credentials.prefect_auth_string)
    with httpx.Client(base_url=f"{platform.address('prefect')}/api", auth=auth) as prefect:
        found = prefect.get("/deployments/name/tune/closecast").json()
        (schedule,) = found["schedules"]
        route = f"/deployments/{found['id']}"
        prefect.patch(route, json={"parameters": {"trials": 50}}).raise_for_status()
        changed = {"schedule": {"cron": "30 4 * * 6", "timezone": "Europe/Berlin"}, "active": False}
        prefect.patch(f"{route}/schedules/{schedule['id']}", json=changed).raise_for_status()
        try:
            # when
            printed = platform.just("prefect-deploy")
            # then
            assert "tune/closecast: kept: parameter trials=50" in printed
            assert "tune/closecast: kept: schedule 30 4 * * 6 Europe/Berlin" in printed
            after = prefect.get(route).json()
            assert after["parameters"] == {"trials": 50}
            assert after["schedules"][0]["schedule"]["cron"] == "30 4 * * 6"
            assert after["schedules"][0]["active"] is False
        finally:
            prefect.patch(route, json={"parameters": found["parameters"]})
            former = {"schedule": schedule["schedule"], "active": schedule["active"]}
            prefect.patch(f"{route}/schedules/{schedule['id']}", json=former)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("as_of=20171231", "as_of is a date as 2017-12-31, or null"),
        ("horizon=400", "a whole number from 1 to 366, or quarter_end"),
        ("sorce=x", "its parameters are source, as_of, horizon, at_once, seconds"),
    ],
)
def test_a_parameter_is_refused_before_a_run_is_made(platform: Platform, argument: str, words: str) -> None:
    printed = platform.just("prefect-run", "score/closecast", "source=x", argument, fails=True)
    assert words in printed
    assert "submitted" not in printed


def test_a_source_of_digits_is_a_text(platform: Platform) -> None:
    printed = platform.just("prefect-run", "score/closecast", "source=20260101", fails=True)
    assert "the lake holds no .parquet file below 20260101/" in printed
