"""The settings with which LocalStack is started: everything in one folder, nothing asked of the network."""

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import localstack_script


@pytest.fixture(scope="module")
def run() -> ModuleType:
    return localstack_script.loaded()


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the script adds to it is taken out again."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_every_path_lies_in_the_folder(run: ModuleType, tmp_path: Path) -> None:
    # when
    settings = run.settings("127.0.0.1", "4566", tmp_path)
    # then
    paths = {name: Path(value) for name, value in settings.items() if value.startswith("/")}
    assert set(paths) == {"FILESYSTEM_ROOT", "LOCALSTACK_VOLUME_DIR", "TMPDIR", "CUSTOM_SSL_CERT_PATH"}
    assert all(path.is_relative_to(tmp_path) and path != tmp_path for path in paths.values())
    assert len(set(paths.values())) == len(paths)


def test_it_listens_where_it_is_told_and_asks_nobody(run: ModuleType, tmp_path: Path) -> None:
    # when
    settings = run.settings("127.0.0.1", "4566", tmp_path)
    # then
    assert settings["GATEWAY_LISTEN"] == settings["LOCALSTACK_HOST"] == "127.0.0.1:4566"
    assert (settings["DISABLE_EVENTS"], settings["SKIP_SSL_CERT_DOWNLOAD"]) == ("1", "1")
    assert (settings["SKIP_INFRA_DOWNLOADS"], settings["DNS_ADDRESS"]) == ("1", "0")
    assert {"s3", "secretsmanager", "sts"} <= set(settings["SERVICES"].split(","))


_ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "4566",
    "CLOSECAST_OBJECT_STORE_ACCESS_KEY": "LK1",
    "CLOSECAST_OBJECT_STORE_SECRET_KEY": "secret",
    "CLOSECAST_OBJECT_STORE_JOB_KEYS": "api:LK2:another,score:LK3:third",
    "CLOSECAST_LAKE_BUCKET": "lake",
    "CLOSECAST_ARTIFACTS_BUCKET": "artifacts",
}


@pytest.mark.parametrize("name", [*_ENVIRONMENT, "CLOSECAST_LOCALSTACK_STATE"])
def test_a_missing_variable_is_named_and_nothing_is_written(
    name: str, run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    folder = tmp_path / "state"
    for known, value in {**_ENVIRONMENT, "CLOSECAST_LOCALSTACK_STATE": str(folder)}.items():
        monkeypatch.setenv(known, value)
    monkeypatch.delenv(name)
    # when / then
    with pytest.raises(SystemExit, match=f"localstack: the environment variable {name} is not set"):
        run.main()
    assert not folder.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost.example", ""])
def test_a_host_that_others_reach_is_refused(
    host: str, run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    for name, value in {**_ENVIRONMENT, "CLOSECAST_LOCALSTACK_STATE": str(tmp_path), "CLOSECAST_HOST": host}.items():
        monkeypatch.setenv(name, value)
    # when / then
    with pytest.raises(SystemExit, match=f"CLOSECAST_HOST is {host}, expected a loopback address"):
        run.main()


@pytest.mark.parametrize("name", ["CLOSECAST_OBJECT_STORE_ACCESS_KEY", "CLOSECAST_OBJECT_STORE_SECRET_KEY"])
def test_an_empty_key_opens_nothing(
    name: str, run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    for known, value in {**_ENVIRONMENT, "CLOSECAST_LOCALSTACK_STATE": str(tmp_path), name: ""}.items():
        monkeypatch.setenv(known, value)
    # when / then
    with pytest.raises(SystemExit, match="is empty"):
        run.main()


def test_unusable_keys_of_jobs_end_it(run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    keys = {"CLOSECAST_OBJECT_STORE_JOB_KEYS": "api:LK2:another,ui:LK3:third"}
    for known, value in {**_ENVIRONMENT, "CLOSECAST_LOCALSTACK_STATE": str(tmp_path), **keys}.items():
        monkeypatch.setenv(known, value)
    # when / then
    with pytest.raises(
        SystemExit, match="CLOSECAST_OBJECT_STORE_JOB_KEYS: key 2 is of a job that has no rights"
    ) as told:
        run.main()
    assert "third" not in str(told.value)


def test_it_prepares_its_folder_and_moves_the_objects_into_it(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: modules in LocalStack's place, which this environment does not have
    folder = tmp_path / "state"
    provider, services_s3, main = ModuleType("provider"), ModuleType("s3"), ModuleType("main")
    provider.DEFAULT_S3_TMP_DIR = "/elsewhere"  # type: ignore[attr-defined]
    services_s3.provider = provider  # type: ignore[attr-defined]
    started: list[dict[str, str]] = []
    main.main = lambda: started.append({**os.environ, "objects": provider.DEFAULT_S3_TMP_DIR})  # type: ignore[attr-defined]
    for name, module in {
        "localstack": ModuleType("localstack"),
        "localstack.services": ModuleType("services"),
        "localstack.services.s3": services_s3,
        "localstack.services.s3.provider": provider,
        "localstack.runtime": ModuleType("runtime"),
        "localstack.runtime.main": main,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name, value in run.settings("127.0.0.1", "4566", folder).items():
        monkeypatch.setenv(name, f"not {value}")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/bundle.pem")
    for name, value in {**_ENVIRONMENT, "CLOSECAST_LOCALSTACK_STATE": str(folder)}.items():
        monkeypatch.setenv(name, value)
    doors: list[Any] = []
    monkeypatch.setattr(run, "serve_with_access_control", lambda *keys: doors.append(keys))
    # when
    run.main()
    # then
    ((secrets, of_jobs),) = doors
    assert secrets == {"LK1": "secret", "LK2": "another", "LK3": "third"}
    assert {access: (one.job, one.write) for access, one in of_jobs.items()} == {
        "LK2": ("api", ()),
        "LK3": ("score", ("lake/predictions/", "lake/leases/")),
    }
    assert not [name for name in started[0] if name.startswith("CLOSECAST_OBJECT_STORE")]
    assert len(started) == 1
    assert started[0].items() >= run.settings("127.0.0.1", "4566", folder).items()
    assert "AWS_CA_BUNDLE" not in started[0]
    assert started[0]["objects"] == str(folder / "objects")
    assert sorted(path.name for path in folder.iterdir()) == ["filesystem", "objects", "tmp", "volume"]
    assert folder.stat().st_mode & 0o777 == 0o700
