"""Waiting for an address."""

import pytest

from closecast.platform.nomad.discovery import NotAnsweringError, wait_for
from tests.servers.processes import free_port


def test_an_address_where_nothing_listens_is_given_up() -> None:
    with pytest.raises(NotAnsweringError, match="did not answer within 0 s"):
        wait_for(f"tcp://127.0.0.1:{free_port()}", seconds=0)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot wait for 'ftp://host'"):
        wait_for("ftp://host")
