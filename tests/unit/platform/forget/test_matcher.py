"""Values are found however they are written, as whole words, and never inside longer names that are known."""

import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.platform.forget.matcher import Matcher

JUERGEN = 'Jürgen "Jü" O\'Neil & Söhne'


@pytest.mark.parametrize(
    "written",
    [
        JUERGEN,
        json.dumps(JUERGEN),
        json.dumps(JUERGEN, ensure_ascii=False),
        json.dumps({"text": json.dumps([JUERGEN])}),
        html.escape(JUERGEN),
        html.escape(JUERGEN, quote=False).replace("ü", "&#252;").replace("ö", "&#246;"),
        f"/deals/{quote(JUERGEN)}?x=1",
        f'"{JUERGEN.replace(chr(34), chr(34) * 2)}",Won',
        json.dumps(f"line\n{JUERGEN}"),
        JUERGEN.replace("ü", "u\u0308").replace("ö", "o\u0308"),
    ],
)
def test_every_way_to_write_a_value_is_replaced(written: str) -> None:
    # given
    matcher = Matcher({JUERGEN: "account-x"})
    # when
    after, found = matcher.replace(written)
    # then
    assert found == matcher.count(written) == 1
    assert "account-x" in after
    assert matcher.count(after) == 0
    assert "rgen" not in after


def test_a_name_inside_another_name_or_word_stays() -> None:
    matcher = Matcher({"Ann": "agent-x"}, {"Ann", "Ann Smith", "Joann"})
    assert matcher.replace("Ann, Anna, Ann Smith and Joann") == ("agent-x, Anna, Ann Smith and Joann", 1)


def test_case_counts() -> None:
    assert Matcher({"Ann Lee": "agent-x"}).count("ann lee, ANN LEE") == 0


def test_hashes_are_renamed_without_being_counted() -> None:
    matcher = Matcher({"Ann Lee": "agent-x"})
    matcher.renamed["a" * 64] = "b" * 64
    assert matcher.replace(f'{{"silver_key": "silver/{"a" * 64}.parquet"}}') == (
        f'{{"silver_key": "silver/{"b" * 64}.parquet"}}',
        0,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "cp1252"])
def test_bytes_are_searched_in_each_encoding(encoding: str) -> None:
    content = b"\x00\x01" + "Jörg Lee".encode(encoding) + b"\x00\x01"
    assert len(Matcher({"Jörg Lee": "agent-x"}).spans(content)) == 1


@given(st.text(min_size=2).filter(str.strip), st.text(), st.text())
def test_nothing_is_left_of_any_text(value: str, before: str, after: str) -> None:
    # given
    matcher = Matcher({value.strip(): "agent-x"})
    # when
    replaced, found = matcher.replace(f"{before}\n{value.strip()}\n{after}")
    # then
    assert found == matcher.count(f"{before}\n{value.strip()}\n{after}")
    assert matcher.count(replaced) == 0
