"""Files that others read while they are written anew: whole, and closed to everybody else."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from closecast.platform.runtime.files import write_whole


def test_a_file_is_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_whole(tmp_path / "new" / "kept.json", "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "kept.json").stat().st_mode & 0o777 == 0o600


def test_threads_that_write_one_file_at_once_leave_one_whole_text(tmp_path: Path) -> None:
    # given
    file, texts = tmp_path / "kept.json", [letter * 50_000 for letter in "abcdefgh"]
    # when
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_whole(file, text), texts * 20))
    # then
    assert file.read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]
