"""Memory that a batch and its answer are handed in: used again, it never shows what was in it before."""

from services.api.batch.messages import ScoreRequest, ends, receive_request, send_request
from services.api.batch.shared_buffer import SharedBuffer
from services.api.batch.supervisor import BatchSupervisor
from services.api.batch.write import JSON


def test_a_buffer_holds_what_was_put_into_it_last() -> None:
    buffer = SharedBuffer.empty()
    buffer.add(b"a long")
    buffer.add(memoryview(b" request"))
    buffer.replace([b"its ", memoryview(b"answer")])
    assert (buffer.content(), len(buffer)) == (b"its answer", 10)
    buffer.replace([])
    assert (buffer.content(), list(buffer.pieces())) == (b"", [])


def test_pieces_make_up_the_whole() -> None:
    buffer, content = SharedBuffer.empty(), bytes(range(256)) * 4_000
    buffer.add(content)
    pieces = list(buffer.pieces())
    assert b"".join(pieces) == content
    assert len(pieces) > 1


def test_the_next_batch_gets_the_memory_of_the_last_one_but_not_its_content() -> None:
    supervisor = BatchSupervisor()
    first = supervisor.buffer()
    first.add(b"somebody's deals")
    supervisor.recycle(first)
    second = supervisor.buffer()
    assert second is first
    assert (second.content(), second.room()) == (b"", 16)
    assert supervisor.buffer() is not first


def test_what_is_large_is_not_kept() -> None:
    supervisor = BatchSupervisor()
    large = supervisor.buffer()
    large.add(b"x" * 5_000_000)
    supervisor.recycle(large)
    assert supervisor.buffer() is not large


def test_the_other_side_reads_no_more_than_was_handed_over() -> None:
    # given memory that held more before
    buffer = SharedBuffer.empty()
    buffer.add(b"somebody's deals")
    buffer.replace([b"mine"])
    ours, theirs = ends()
    with ours, theirs:
        # when
        send_request(ours, ScoreRequest("1", "r1", "ada", "", "", "7", "run-7", JSON, JSON, None, ""), buffer)
        taken = receive_request(theirs)
    # then
    assert taken is not None
    assert taken[1].content() == b"mine"
