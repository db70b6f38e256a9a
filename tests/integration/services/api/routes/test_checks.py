"""`POST /v1/exports/check`: the findings of `just check`, over HTTP, of a stranger's file."""

import io
from typing import Any

import pandas as pd
import pytest
from litestar.testing import TestClient

from closecast.deals.synthetic.generator import generate
from services.api.routes.checks import MEDIA_TYPES

ROUTE = "/v1/exports/check"
HEAD = "Deal ID,Deal Stage,Create Date,Close Date,Deal Owner,Amount\n"


@pytest.fixture(scope="module")
def export() -> str:
    return generate(1_500, seed=2).to_csv(index=False)


def test_an_export_is_described(client: TestClient[Any], export: str) -> None:
    answer = client.post(ROUTE, content=export, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["shortfalls"] == []
    assert found["rows"]["came_in"] == 1_500 == found["rows"]["used"] + sum(found["rows"]["rejected"].values())
    assert "separated by commas" in found["read"]


def test_each_row_that_is_not_used_is_named_with_all_its_reasons(client: TestClient[Any], export: str) -> None:
    # given an export with a title, a deal that closes before it begins and has no value, and a total
    lines = export.splitlines()
    header = lines[0].split(",")
    at = next(at for at, line in enumerate(lines) if ",Won," in line)
    deal = dict(zip(header, lines[at].split(","), strict=True)) | {"close_date": "2001-01-01", "close_value": ""}
    lines[at] = ",".join(deal[name] for name in header)
    text = "\n".join(["Pipeline report", *lines, "Total" + "," * (len(header) - 2) + ",12"]) + "\n"
    # when
    answer = client.post(ROUTE, content=text, headers={"Content-Type": "text/csv"})
    # then the rows are those that a spreadsheet shows
    assert answer.status_code == 200, answer.text
    problems = {one["row"]: one["reasons"] for one in answer.json()["problems"]}
    assert problems[1] == "title above the table"
    assert "close_date is before engage_date" in problems[at + 2]
    assert "close_value is missing" in problems[at + 2]
    assert problems[len(lines) + 2] == "remark or total"


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_the_content_decides_what_a_file_is(client: TestClient[Any], kind: str) -> None:
    buffer = io.BytesIO()
    pd.DataFrame({name: ["x"] for name in HEAD.strip().split(",")}).assign(
        **{"Deal Stage": "Closed Won", "Create Date": "2024-01-02", "Close Date": "2024-02-03", "Amount": "5"}
    ).to_excel(buffer, index=False)
    answer = client.post(
        ROUTE, params={"mapping": "hubspot"}, content=buffer.getvalue(), headers={"Content-Type": kind}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["read"].startswith("Excel workbook")
    assert answer.json()["shortfalls"]


@pytest.mark.parametrize(
    ("content", "query", "words"),
    [
        (b"", {}, "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", {}, "the file"),
        (b"a,b\n1,2\n", {}, "needs a mapping"),
        (HEAD.encode(), {"mapping": "nobody"}, "there is no mapping 'nobody'"),
        (b"PK\x03\x04" + b"\x00" * 100, {}, "the file"),
        (b"PAR1" + b"\xff" * 64 + b"PAR1", {}, "the file"),
    ],
    ids=["empty", "picture", "unknown", "no profile", "broken workbook", "broken parquet"],
)
def test_a_file_that_cannot_be_checked_gets_one_sentence(
    client: TestClient[Any], content: bytes, query: dict[str, str], words: str
) -> None:
    answer = client.post(ROUTE, params=query, content=content, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]


def test_who_may_not_score_may_not_send_files(anonymous: TestClient[Any]) -> None:
    assert anonymous.post(ROUTE, content=b"a", headers={"Content-Type": "text/csv"}).status_code == 401
