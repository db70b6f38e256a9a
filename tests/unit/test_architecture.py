"""The walk through the code in docs/architecture.md names files that are there."""

import re

import pytest

from tests.servers.processes import PROJECT

_TEXT = (PROJECT / "docs" / "architecture.md").read_text()
NAMED = sorted({name for name in re.findall(r"`([\w./-]+)`", _TEXT) if "/" in name})


def test_the_walk_leads_through_the_code() -> None:
    rooms = (
        "closecast/scoring/",
        "closecast/models/",
        "services/api/transport/",
        "services/api/batch/",
        "services/journal/",
    )
    assert all(any(name.startswith(room) for name in NAMED) for room in rooms)


@pytest.mark.parametrize("name", [name for name in NAMED if not name.endswith("/") and not name.startswith("/")])
def test_what_the_walk_names_is_there(name: str) -> None:
    assert (PROJECT / name).exists()
