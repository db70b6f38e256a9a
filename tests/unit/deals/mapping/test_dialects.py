"""One made-up export, written in random dialects, is read back as the same deals."""

import io
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.contract import check
from closecast.deals.mapping.apply import apply
from closecast.deals.mapping.document import Mapping
from closecast.deals.mapping.profiles import shipped
from closecast.deals.mapping.proposal import propose
from closecast.deals.reading.export import read
from closecast.deals.synthetic.generator import generate

DEALS = check(generate(150, seed=3)).accepted.reset_index(drop=True)
STAGE_WORDS = {"won": ["Closed Won", "6. Won", "Gewonnen"], "lost": ["Closed Lost", "7. Lost", "Verloren"]}
OPEN_WORDS = ["Proposal", "Open", "In Progress", "Negotiation/Review", "2 - Proposal (20%)"]
ORDERS = {
    "ymd": "%Y-%m-%d",
    "compact": "%Y%m%d",
    "dmy": "%d/%m/%Y",
    "dots": "%d.%m.%Y",
    "mdy": "%m/%d/%Y",
    "named": "%b %d, %Y",
}


@st.composite
def dialects(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "profile": draw(
            st.sampled_from([one for one in shipped() if one.columns.product and one.columns.opportunity_id])
        ),
        "form": draw(st.sampled_from([",", ";", "\t", "|", "xlsx"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])),
        "end": draw(st.sampled_from(["\n", "\r\n"])),
        "order": draw(st.sampled_from(sorted(ORDERS))),
        "time": draw(st.sampled_from(["", " 09:30", " 11:59:59"])),
        "mark": draw(st.sampled_from([".", ","])),
        "thousands": draw(st.booleans()),
        "sign": draw(st.sampled_from(["{}", "€ {}", "EUR {}", "{} €", "{} kr"])),
        "open": draw(st.sampled_from(OPEN_WORDS)),
        "words": draw(st.sampled_from([0, 1, 2])),
        "title": draw(st.booleans()),
        "footer": draw(st.booleans()),
        "seed": draw(st.integers(0, 1000)),
    }


def _columns(profile: Mapping, dialect: dict[str, Any]) -> pd.DataFrame:
    """The deals as the CRM of `profile` would export them."""
    stage = DEALS["deal_stage"]
    meaning = np.where(stage == "Won", "won", np.where(stage == "Lost", "lost", "open"))
    own = {meaning: stage for stage, meaning in profile.stages.items()}
    words = {
        "won": own.get("won") if dialect["words"] == 0 else STAGE_WORDS["won"][dialect["words"]],
        "lost": own.get("lost") if dialect["words"] == 0 else STAGE_WORDS["lost"][dialect["words"]],
        "open": dialect["open"],
    }
    ends = DEALS["close_date"].dt.strftime(ORDERS[dialect["order"]] + dialect["time"]).fillna("")
    values: dict[str, Any] = {
        "opportunity_id": DEALS["opportunity_id"],
        "sales_agent": DEALS["sales_agent"],
        "product": DEALS["product"],
        "account": DEALS["account"].fillna(""),
        "stage": [words[one] for one in meaning],
        "created": DEALS["engage_date"].dt.strftime(ORDERS[dialect["order"]] + dialect["time"]).fillna(""),
        "amount": [_amount(value, dialect) for value in DEALS["close_value"]],
        "currency": "EUR",
        "pipeline": "Sales",
    }
    frame = {column: values[use] for column, use in profile.columns.used().items() if use != "closed"}
    closes = profile.columns.closes
    frame |= dict(
        zip(
            closes,
            [ends] if len(closes) == 1 else [ends.where(meaning == one, "") for one in ("won", "lost")],
            strict=True,
        )
    )
    return pd.DataFrame(frame, dtype=object)


def _amount(value: float, dialect: dict[str, Any]) -> str:
    if np.isnan(value):
        return ""
    text = f"{value:,.2f}" if dialect["thousands"] else f"{value:.2f}"
    swapped = text.translate(str.maketrans(",.", ".,")) if dialect["mark"] == "," else text
    return str(dialect["sign"]).format(swapped)


def _bytes(frame: pd.DataFrame, dialect: dict[str, Any]) -> bytes:
    above = [["Pipeline report"]] if dialect["title"] else []
    below = [[], ["Confidential information"]] if dialect["footer"] else []
    rows = [*above, list(frame.columns), *frame.to_numpy().tolist(), *below]
    if dialect["form"] == "xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.worksheets[0].append(row)
        buffer = io.BytesIO()
        book.save(buffer)
        return buffer.getvalue()
    text = dialect["end"].join(
        dialect["form"].join('"' + str(cell).replace('"', '""') + '"' for cell in row) for row in rows
    )
    encoded: bytes = (text + dialect["end"]).encode(dialect["encoding"])
    return encoded


@given(dialects())
def test_the_same_deals_come_out_of_every_dialect(dialect: dict[str, Any]) -> None:
    # given
    profile = dialect["profile"]
    content = _bytes(_columns(profile, dialect), dialect)
    # when
    table = read(content)
    proposal = propose(table)
    # then
    assert proposal.is_certain, proposal.questions
    assert proposal.mapping.name == profile.name
    done = apply(table, proposal.mapping)
    assert len(done.set_aside) == dialect["title"] + dialect["footer"]
    found = check(done.frame).accepted
    expected = DEALS.assign(
        deal_stage=DEALS["deal_stage"].where(DEALS["engage_date"].notna() | DEALS["close_date"].notna(), "Prospecting"),
        close_value=DEALS["close_value"].where(DEALS["deal_stage"] != "Lost", 0.0),
    )
    pd.testing.assert_frame_equal(found, expected)
