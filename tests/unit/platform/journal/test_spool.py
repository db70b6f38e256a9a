"""The spool: what it says is on disk is on disk, within its limit, and survives its writer."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from closecast.platform.journal.spool import SEGMENT_BYTES, Spool, SpoolError
from tests.skips import OF_ACCOUNT

MESSAGES = [bytes([number]) * 1000 for number in range(20)]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", 1_000_000)
    yield spool
    spool.close()


def _all(spool: Spool) -> list[bytes]:
    spool.seal()
    return [message for segment in spool.segments() for message in spool.read(segment)]


def test_messages_come_back_in_order_and_once(spool: Spool) -> None:
    # given
    assert spool.write(MESSAGES[:5]) == 5
    assert spool.write(MESSAGES[5:]) == 15
    # when
    assert spool.segments() == []  # the one that is being written is nobody else's
    found = _all(spool)
    # then
    assert found == MESSAGES
    (segment,) = spool.segments()
    assert spool.bytes == segment.stat().st_size
    assert spool.oldest() is not None
    spool.drop(segment)
    assert (spool.bytes, spool.segments(), spool.oldest(), spool.damaged()) == (0, [], None, 0)


def test_the_limit_holds_and_nothing_is_taken_beyond_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 5_100)
    assert spool.write(MESSAGES) == 5
    assert spool.write(MESSAGES) == 0
    assert spool.bytes <= 5_100
    assert _all(spool) == MESSAGES[:5]
    spool.drop(spool.segments()[0])
    assert spool.write(MESSAGES) == 5


def test_a_long_outage_makes_several_segments(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10 * SEGMENT_BYTES)
    for _ in range(5):
        assert spool.write([b"x" * (SEGMENT_BYTES // 2 - 8)]) == 1
    assert len(spool.segments()) == 2
    assert len(_all(spool)) == 5


def test_what_a_killed_writer_left_half_written_is_set_aside_and_the_rest_read(spool: Spool) -> None:
    # given
    spool.write(MESSAGES)
    spool.seal()
    (segment,) = spool.segments()
    with segment.open("ab") as file:
        file.write((500).to_bytes(4, "little") + b"\0\0\0\0half of a mess")
    spool.bytes += 22
    # when / then
    assert spool.read(segment) == MESSAGES
    spool.drop(segment)
    assert (spool.damaged(), spool.segments(), spool.bytes) == (1, [], 0)


def test_a_flipped_bit_ends_the_segment_there(spool: Spool) -> None:
    spool.write(MESSAGES)
    spool.seal()
    (segment,) = spool.segments()
    content = bytearray(segment.read_bytes())
    content[5 * 1008 + 100] ^= 1
    segment.write_bytes(content)
    assert spool.read(segment) == MESSAGES[:5]


def test_a_disk_that_takes_half_a_message_keeps_none_of_it(spool: Spool) -> None:
    # given
    spool.write(MESSAGES[:2])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500, hard))
    # when
    try:
        with pytest.raises(SpoolError, match="cannot be written"):
            spool.write(MESSAGES[2:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    # then
    assert spool.write(MESSAGES[2:4]) == 2
    assert _all(spool) == MESSAGES[:4]


def test_each_process_has_its_own_folder_and_takes_over_what_another_left(tmp_path: Path) -> None:
    # given: a process that ends without a word
    script = (
        "import os, sys; from pathlib import Path; from closecast.platform.journal.spool import Spool;"
        "spool = Spool(Path(sys.argv[1]), 10**6); spool.write([b'left behind']); os.kill(os.getpid(), 9)"
    )
    first = Spool(tmp_path, 1_000_000)
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -9
    second = Spool(tmp_path, 1_000_000)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["0", "1"]
    # when: the second stands where the dead one stood, the first finds nobody's folder
    assert [second.read(segment) for segment in second.segments()] == [[b"left behind"]]
    assert first.adopt() == 0
    second.close()
    # then
    assert first.adopt() == 1
    assert _all(first) == [b"left behind"]
    assert first.bytes == 19
    first.close()


@pytest.mark.skipif(os.geteuid() == 0, reason=f"{OF_ACCOUNT} root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SpoolError, match=str(tmp_path)):
        Spool(tmp_path / "spool", 1_000)
