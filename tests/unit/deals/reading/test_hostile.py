"""A stranger's file is read or refused in one sentence, whatever its bytes are."""

import io

import numpy as np
import openpyxl
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.mapping.apply import apply
from closecast.deals.mapping.document import MappingError
from closecast.deals.mapping.proposal import propose
from closecast.deals.reading.export import read
from closecast.deals.reading.table import UnreadableError
from closecast.deals.synthetic.generator import generate

DEALS = generate(40, seed=5).rename(columns={"engage_date": "created", "deal_stage": "stage"})


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in [list(DEALS.columns), *DEALS.to_numpy().tolist()]:
        book.worksheets[0].append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


WHOLE = (
    DEALS.to_csv(index=False).encode(),
    DEALS.to_csv(index=False, sep="\t").encode("utf-16"),
    DEALS.to_parquet(),
    _workbook(),
)


def _tried(content: bytes) -> None:
    try:
        table = read(content)
    except UnreadableError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 500
        return
    assert table.frame.map(lambda cell: isinstance(cell, str)).all(axis=None)
    assert table.frame.columns.is_unique
    proposal = propose(table)
    if proposal.is_certain:
        try:
            done = apply(table, proposal.mapping)
        except MappingError:
            return
        assert len(done.frame) + len(done.set_aside) == len(table.frame) + len(table.set_aside)


@given(st.binary(max_size=3_000))
def test_any_bytes(content: bytes) -> None:
    _tried(content)


@given(st.text(st.characters(codec="utf-8"), max_size=2_000), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_any_text(text: str, encoding: str) -> None:
    _tried(text.encode(encoding))


@given(st.sampled_from(range(len(WHOLE))), st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans())
def test_whole_files_that_were_damaged(which: int, seed: int, count: int, is_cut: bool) -> None:
    random = np.random.default_rng(seed)
    content = bytearray(WHOLE[which])
    for place in random.integers(0, len(content), count):
        content[place] = random.integers(0, 256)
    _tried(bytes(content[: random.integers(1, len(content))] if is_cut else content))


@given(
    st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=9), min_size=1, max_size=12), st.sampled_from(",;\t|")
)
def test_any_cells(rows: list[list[str]], delimiter: str) -> None:
    _tried("\n".join(delimiter.join(row) for row in rows).encode("utf-8", "replace"))
