"""Where drafts wait to be recorded: full is full, and who may wait gets the next room."""

import threading
import time

import pytest

from closecast.platform.journal.inbox import Inbox, JournalFullError
from tests.journal_entries import single


def _inbox(deals: int) -> Inbox:
    return Inbox(deals * 1_000, lambda: None, lambda: "the cache is away")


def test_a_full_inbox_refuses_at_once_and_says_why() -> None:
    inbox = _inbox(1)
    inbox.append(single())
    with pytest.raises(JournalFullError, match="1 predictions wait to be recorded: the cache is away"):
        inbox.append(single())
    assert (inbox.refused, len(inbox)) == (1, 1)


def test_who_may_wait_gets_the_room_that_comes() -> None:
    # given a full inbox that is emptied a little later
    inbox = _inbox(1)
    inbox.append(single())

    def empty() -> None:
        inbox.take()
        inbox.packed()

    thread = threading.Timer(0.2, empty)
    thread.start()
    # when / then
    inbox.append(single(), timeout_s=30)
    thread.join()
    assert (inbox.refused, len(inbox)) == (0, 1)


def test_waiting_ends() -> None:
    inbox = _inbox(1)
    inbox.append(single())
    begin = time.monotonic()
    with pytest.raises(JournalFullError):
        inbox.append(single(), timeout_s=0.1)
    assert time.monotonic() - begin >= 0.1


def test_a_closed_inbox_refuses_who_waits_too() -> None:
    inbox = _inbox(1)
    inbox.append(single())
    thread = threading.Timer(0.1, inbox.close)
    thread.start()
    with pytest.raises(JournalFullError, match="the service is stopping"):
        inbox.append(single(), timeout_s=30)
    thread.join()
    assert inbox.refused == 1
