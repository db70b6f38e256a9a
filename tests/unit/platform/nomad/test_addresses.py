"""Where a service is: fixed by the environment, or in a file that changes while the process runs."""

from pathlib import Path

import pytest

from closecast.platform.nomad.addresses import address
from closecast.platform.settings import SettingsError

NAME = "CLOSECAST_DATABASE_URL"


def test_the_environment_is_enough() -> None:
    found = address({NAME: "postgresql://a"}, NAME)
    assert found is not None
    assert found() == "postgresql://a"
    assert address({}, NAME) is None
    assert address({NAME: ""}, NAME) is None


def test_a_file_is_followed_and_what_vanishes_is_remembered(tmp_path: Path) -> None:
    # given a file that is not there yet
    file = tmp_path / "addresses"
    found = address({"CLOSECAST_ADDRESSES": str(file)}, NAME)
    assert found is not None
    assert found() is None
    # when it comes, changes, and loses the line
    for content, expected in (
        (f"OTHER=x\n{NAME}=postgresql://a\n", "postgresql://a"),
        (f"{NAME}=postgresql://b", "postgresql://b"),
        ("OTHER=x", "postgresql://b"),
        (f"{NAME}=", "postgresql://b"),
    ):
        file.write_text(content)
        # then
        assert found() == expected


def test_a_file_names_the_secrets_that_the_environment_holds(tmp_path: Path) -> None:
    # given
    file, secret = tmp_path / "addresses", {"DATABASE_PASSWORD": "a-_9$OTHER"}
    file.write_text(f"{NAME}=postgresql://closecast:$DATABASE_PASSWORD@127.0.0.1:1/closecast")
    # when / then
    found = address({"CLOSECAST_ADDRESSES": str(file), **secret}, NAME)
    assert found is not None
    assert found() == "postgresql://closecast:a-_9$OTHER@127.0.0.1:1/closecast"
    without = address({"CLOSECAST_ADDRESSES": str(file)}, NAME)
    assert without is not None
    with pytest.raises(SettingsError, match=f"{NAME} in {file} names a variable that is not set: 'DATABASE_PASSWORD'"):
        without()
