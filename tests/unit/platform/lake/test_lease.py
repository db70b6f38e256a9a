"""Leases as flows keep them and instances see them, in a lake on a disk of the test's own."""

import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from closecast.platform.lake import lease
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.settings import LakeSettings
from tests.waiting import until

_KEY = "leases/one"
_SOON = 0.02  # seconds between renewals


class Disk:
    """A lake in a folder, which can be away: then a file is in the folder's place."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._elsewhere = folder / "lake", folder / "elsewhere"
        self.begin()
        self.lake = Lake(LakeSettings("lake", "nowhere"), SubTreeFileSystem(str(folder), LocalFileSystem()))

    def begin(self) -> None:
        (self._folder / "leases").mkdir(parents=True)

    def forget(self) -> None:
        shutil.rmtree(self._folder)

    def leave(self) -> None:
        self._folder.rename(self._elsewhere)
        self._folder.write_text("")

    def come_back(self) -> None:
        self._folder.unlink()
        self._elsewhere.rename(self._folder)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


class Clock:
    now = 1_000.0

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=time.sleep))  # noqa: TID251 - for the lease to use
    return clock


def _keepers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lease"]


def test_a_lease_is_renewed_until_its_block_ends_well(disk: Disk) -> None:
    told: list[str] = []
    with lease.held(disk.lake, told.append, _SOON) as key:
        # given that it is there at once, and one of its own
        first = disk.lake.read_text(key)
        assert first is not None
        with lease.held(disk.lake, told.append, _SOON) as other:
            assert other != key
        # then it changes, again and again
        seen = set[str | None]()

        def has_changed_often() -> bool:
            seen.add(disk.lake.read_text(key))
            return len(seen - {first, ""}) >= 3

        until(has_changed_often)
    assert disk.lake.keys("leases") == {}
    assert (_keepers(), told) == ([], [])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_instances_end_at_once_with_a_flow_that_failed(disk: Disk, error: type[BaseException]) -> None:
    # given
    with pytest.raises(error), lease.held(disk.lake, print, _SOON) as key:
        watch = lease.Watch(disk.lake, key)
        assert watch.end() is None
        raise error
    # then this one, and one that looks for the first time
    assert _keepers() == []
    assert watch.end() == lease.Watch(disk.lake, key).end() == "the flow that this works for has ended"


def test_a_lake_that_is_away_is_told_once_and_the_lease_goes_on(disk: Disk) -> None:
    told: list[str] = []
    with lease.held(disk.lake, told.append, _SOON) as key:
        for outage in (1, 2):
            # when
            disk.leave()
            until(lambda: len(told) == outage)  # noqa: B023 - awaited here
            time.sleep(10 * _SOON)  # noqa: TID251 - renewals that fail meanwhile are not told
            disk.come_back()
            # then
            before = disk.lake.read_text(key)
            until(lambda: disk.lake.read_text(key) not in (before, ""))  # noqa: B023
            assert len(told) == outage
    assert all(line.startswith(f"the lease {key} was not renewed: cannot write {key}") for line in told)


def test_a_lease_that_cannot_be_begun_stops_the_flow(disk: Disk) -> None:
    disk.leave()
    with pytest.raises(LakeError, match="cannot write leases/"), lease.held(disk.lake, print):
        pytest.fail("nobody could see that it is held")
    assert _keepers() == []


def test_a_lease_that_cannot_be_ended_is_told_and_hides_no_error(disk: Disk) -> None:
    told: list[str] = []
    with pytest.raises(ValueError, match="the flow's own"), lease.held(disk.lake, told.append, 60) as key:
        disk.leave()
        raise ValueError("the flow's own")
    assert told[0].startswith(f"the lease {key} stays until it runs out: cannot write")
    disk.come_back()
    with lease.held(disk.lake, told.append, 60) as key:
        disk.leave()
    assert told[1].startswith(f"the lease {key} stays until it runs out: cannot delete")


def test_an_instance_goes_on_while_the_lease_is_renewed_and_no_longer(disk: Disk, clock: Clock) -> None:
    # given
    watch = lease.Watch(disk.lake, _KEY, lost_seconds=120)
    for number in range(4):
        disk.lake.put_text(_KEY, str(number))
        assert watch.end() is None
        clock.pass_by(119)
        assert watch.end() is None
    # when the flow is killed
    clock.pass_by(1)
    # then
    assert watch.end() == "the flow that this works for was not heard of for 120 s"
    assert not disk.lake.has(_KEY), "nobody else would tidy up"


def test_an_instance_that_is_started_late_gives_the_flow_its_time(disk: Disk, clock: Clock) -> None:
    disk.lake.put_text(_KEY, "7")
    watch = lease.Watch(disk.lake, _KEY, lost_seconds=120)
    clock.pass_by(500)
    assert watch.end() is None
    clock.pass_by(120)
    assert watch.end() is not None


def test_what_is_missed_while_the_lake_is_away_is_not_held_against_the_flow(disk: Disk, clock: Clock) -> None:
    # given
    disk.lake.put_text(_KEY, "0")
    watch = lease.Watch(disk.lake, _KEY, lost_seconds=120)
    assert watch.end() is None
    # when nobody can renew it for long
    disk.leave()
    for _ in range(3):
        clock.pass_by(100)
        assert watch.end() is None
    disk.come_back()
    # then the flow has its whole time again, and not more
    assert watch.end() is None
    clock.pass_by(119)
    assert watch.end() is None
    clock.pass_by(1)
    assert watch.end() is not None


def test_a_lake_that_came_back_empty_is_given_time(disk: Disk, clock: Clock) -> None:
    """As LocalStack does after a kill: its companion fills it again, and the flow renews what is missing."""
    # given
    disk.lake.put_text(_KEY, "5")
    watch = lease.Watch(disk.lake, _KEY, lost_seconds=120)
    assert watch.end() is None
    # when
    disk.lake.delete(_KEY)
    clock.pass_by(100)
    assert watch.end() is None
    disk.lake.put_text(_KEY, "6")
    assert watch.end() is None
    # then only a silence counts
    disk.lake.delete(_KEY)
    clock.pass_by(119)
    assert watch.end() is None
    clock.pass_by(1)
    assert watch.end() == "the flow that this works for was not heard of for 120 s"


def test_a_lake_that_came_back_without_its_bucket_is_away(disk: Disk, clock: Clock) -> None:
    # given
    disk.lake.put_text(_KEY, "5")
    watch = lease.Watch(disk.lake, _KEY, lost_seconds=120)
    assert watch.end() is None
    # when there is a store, and nothing in it, for however long
    disk.forget()
    for _ in range(3):
        clock.pass_by(100)
        assert watch.end() is None
    # then it has its time once the bucket is there again
    disk.begin()
    assert watch.end() is None
    clock.pass_by(119)
    assert watch.end() is None
    clock.pass_by(1)
    assert watch.end() is not None


def test_a_lease_that_was_never_there_ends_an_instance_in_time(disk: Disk, clock: Clock) -> None:
    watch = lease.Watch(disk.lake, "leases/of-nobody", lost_seconds=120)
    assert watch.end() is None
    clock.pass_by(120)
    assert watch.end() is not None


def test_the_end_is_told_beside_the_work_once(disk: Disk) -> None:
    # given
    disk.lake.put_text(_KEY, "0")
    told: list[tuple[str, str]] = []
    watch = lease.Watch(disk.lake, _KEY)
    lease.watched(watch, lambda why: told.append((why, threading.current_thread().name)), seconds=_SOON)
    [thread] = _keepers()
    time.sleep(5 * _SOON)  # noqa: TID251 - it is looked at meanwhile, and nothing told
    assert told == []
    assert thread.daemon, "it must not keep an instance alive that has done its work"
    # when
    disk.lake.put_text(_KEY, "ended")
    # then
    thread.join(60)
    assert told == [("the flow that this works for has ended", "lease")]
