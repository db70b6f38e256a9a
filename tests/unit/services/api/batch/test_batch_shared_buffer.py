"""Memory that a batch and its answer are handed in: used again, it never shows what was in it before."""

from services.api.batch.messages import Ask, Parcel, ends, hand, take
from services.api.batch.supervisor import BatchLane
from services.api.batch.write import JSON


def test_a_parcel_holds_what_was_put_into_it_last() -> None:
    parcel = Parcel.empty()
    parcel.add(b"a long")
    parcel.add(memoryview(b" request"))
    parcel.replace([b"its ", memoryview(b"answer")])
    assert (parcel.content(), len(parcel)) == (b"its answer", 10)
    parcel.replace([])
    assert (parcel.content(), list(parcel.pieces())) == (b"", [])


def test_pieces_make_up_the_whole() -> None:
    parcel, content = Parcel.empty(), bytes(range(256)) * 4_000
    parcel.add(content)
    pieces = list(parcel.pieces())
    assert b"".join(pieces) == content
    assert len(pieces) > 1


def test_the_next_batch_gets_the_memory_of_the_last_one_but_not_its_content() -> None:
    lane = BatchLane()
    first = lane.parcel()
    first.add(b"somebody's deals")
    lane.give_back(first)
    second = lane.parcel()
    assert second is first
    assert (second.content(), second.room()) == (b"", 16)
    assert lane.parcel() is not first


def test_what_is_large_is_not_kept() -> None:
    lane = BatchLane()
    large = lane.parcel()
    large.add(b"x" * 5_000_000)
    lane.give_back(large)
    assert lane.parcel() is not large


def test_the_other_side_reads_no_more_than_was_handed_over() -> None:
    # given memory that held more before
    parcel = Parcel.empty()
    parcel.add(b"somebody's deals")
    parcel.replace([b"mine"])
    ours, theirs = ends()
    with ours, theirs:
        # when
        hand(ours, Ask("1", "r1", "ada", "", "", "7", "run-7", JSON, JSON, None, ""), parcel)
        taken = take(theirs)
    # then
    assert taken is not None
    assert taken[1].content() == b"mine"
