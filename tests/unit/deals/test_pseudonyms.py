"""The same name gets the same pseudonym, another key or column another one, and pseudonyms are recognised."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.pseudonyms import UNKNOWN, Pseudonymiser

BY = Pseudonymiser("a key")
NAMES = st.text(min_size=1).filter(lambda text: text.strip() != "")


@given(NAMES)
def test_a_name_has_one_pseudonym_which_is_recognised(name: str) -> None:
    pseudonym = BY.of("sales_agent", name)
    assert pseudonym == Pseudonymiser("a key").of("sales_agent", name)
    assert pseudonym in (UNKNOWN, name) or pseudonym.startswith("agent-")
    assert BY.of("sales_agent", pseudonym) == pseudonym
    assert BY.of("account", name) != pseudonym or name == UNKNOWN
    assert Pseudonymiser("another key").of("sales_agent", name) != pseudonym or name == UNKNOWN


def test_what_only_looks_like_a_pseudonym_is_a_name() -> None:
    name = "agent-aaaaaaaaaaaaaaaaaaaaaaaa"
    assert not BY.is_pseudonym(name)
    assert BY.of("sales_agent", name) != name


def test_random_pseudonyms_differ_and_are_recognised() -> None:
    first, second = (BY.random("account") for _ in range(2))
    assert first != second
    assert BY.is_pseudonym(first)
    assert BY.is_pseudonym(second)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_what_is_missing_stays_missing(blank: str | None) -> None:
    assert BY.replaced("account", blank, ["account"]) == blank


def test_a_forgotten_value_is_replaced_in_every_column() -> None:
    # given
    by = Pseudonymiser("a key", {BY.digest("Ann Lee"): "agent-x"})
    # when / then
    assert by.replaced("sales_agent", "Ann Lee", ()) == "agent-x"
    assert by.replaced("account", " Ann Lee ", ["account"]) == "agent-x"
    assert by.replaced("account", "Ann Lee-Smith", ()) == "Ann Lee-Smith"


def test_blanks_and_aliases_of_products_make_no_other_pseudonym() -> None:
    assert BY.replaced("product", " GTXPro", ["product"]) == BY.replaced("product", "GTX Pro", ["product"])


def test_a_frame_keeps_its_other_columns_of_deals_and_loses_all_else() -> None:
    # given
    frame = pd.DataFrame(
        {"opportunity_id": ["1", "2"], "sales_agent": ["Ann Lee", ""], "region": ["East", ""], "phone": ["1", "2"]},
        index=[4, 7],
    )
    # when
    found = BY.frame(frame, ["sales_agent"])
    # then
    assert found.index.tolist() == [4, 7]
    assert found.to_dict("list") == {
        "opportunity_id": ["1", "2"],
        "sales_agent": [BY.of("sales_agent", "Ann Lee"), ""],
        "region": ["East", ""],
    }


def test_managers_are_hidden_where_agents_are() -> None:
    frame = pd.DataFrame({"sales_agent": ["Ann Lee"], "manager": ["Bo"]})
    assert BY.frame(frame, ["sales_agent"])["manager"].tolist() == [BY.of("manager", "Bo")]
    assert BY.frame(frame, ["manager"])["sales_agent"].tolist() == ["Ann Lee"]
    assert BY.frame(frame, ["account"])["manager"].tolist() == ["Bo"]
