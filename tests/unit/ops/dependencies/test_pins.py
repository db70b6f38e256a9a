"""What locks and bills of materials name."""

import json
from pathlib import Path

import pytest

from ops.dependencies import pins
from ops.errors import OperatorError


def test_a_lock_is_read_with_its_markers_and_hashes(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "a-b==1.0 \\\n    --hash=sha256:00\nc.d==2.0rc1 ; python_version < '3.12' \\\n    --hash=sha256:00\n"
    )
    assert pins.of_lock(lock) == {("a-b", "1.0"), ("c.d", "2.0rc1")}
    assert pins.text(pins.of_lock(lock)) == "a-b==1.0\nc.d==2.0rc1\n"
    lock.write_text("")
    with pytest.raises(OperatorError, match=r"lock\.txt pins nothing"):
        pins.of_lock(lock)


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"components": [{"name": "a"}]}), "[]"])
def test_what_is_no_bill_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "ui.cdx.json").write_text(content)
    with pytest.raises(OperatorError, match="is no bill of materials"):
        pins.of_bill(tmp_path / "ui.cdx.json")
