"""What a value is: as the data say, else as the operator says, and never a product or one of the platform's own words."""

import pytest

from closecast.deals.pseudonyms import Pseudonymiser
from closecast.platform.forget import wanted
from closecast.platform.forget.room import ForgetError

KNOWN = {
    "opportunity_id": {"1C1I7A6R"},
    "sales_agent": {"Ann Lee", "Lee"},
    "account": {"Birch Works", "Lee"},
    "product": {"GTX Pro"},
}


def test_the_data_say_what_a_value_is() -> None:
    assert wanted.columns_of(["1C1I7A6R", "Ann Lee", "Birch Works"], None, KNOWN) == {
        "1C1I7A6R": "opportunity_id",
        "Ann Lee": "sales_agent",
        "Birch Works": "account",
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Lee", "'Lee' is account and agent: say which by --kind"),
        ("ann lee", "no identifier, account or agent of a deal in the lake"),
        ("GTX Pro", "is a product or a word of the platform's own"),
        ("Won", "is a product or a word of the platform's own"),
        ("unknown", "is a product or a word of the platform's own"),
        ("A", "is too short"),
        (" Ann Lee", "has blanks around it"),
    ],
)
def test_what_is_in_doubt_is_refused(value: str, words: str) -> None:
    with pytest.raises(ForgetError, match=words):
        wanted.columns_of([value], None, KNOWN)


def test_the_operator_may_say_what_a_value_is() -> None:
    assert wanted.columns_of(["Lee", "nobody"], "agent", KNOWN) == {"Lee": "sales_agent", "nobody": "sales_agent"}


def test_a_value_keeps_the_pseudonym_of_the_first_time_and_stands_for_its_keyed_one_too() -> None:
    # given
    by, columns = Pseudonymiser("a key"), {"Ann Lee": "sales_agent"}
    first = wanted.pseudonyms(columns, by)
    # when
    again = Pseudonymiser("a key", {by.digest("Ann Lee"): first["Ann Lee"]})
    # then
    assert wanted.pseudonyms(columns, again) == first
    assert wanted.pseudonyms(columns, by) != first
    assert wanted.everything(first, columns, by) == dict.fromkeys(
        ["Ann Lee", by.keyed("sales_agent", "Ann Lee")], first["Ann Lee"]
    )
