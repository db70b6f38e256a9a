"""Which passwords are accepted, and that hashes tell them apart."""

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from closecast.platform.callers.passwords import WeakPasswordError, hashed, is_outdated, made_up, matches

GOOD = "correct horse battery"


def test_a_password_matches_its_hash_and_no_other_one() -> None:
    # given
    known = hashed(GOOD, "ada")
    # then
    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert matches(GOOD, known)
    assert not matches(GOOD + " ", known)
    assert not matches("", known)
    assert known != hashed(GOOD, "ada")  # each has a salt of its own


def test_nobody_has_a_password() -> None:
    assert not matches(GOOD, None)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "12 to 200 characters"),
        ("x" * 201, "12 to 200 characters"),
        ("aaaaaaaaaaaa", "6 different characters"),
        ("ababababababab", "6 different characters"),
        ("I am Ada Lovelace", "does not contain the user's name"),
        ("\ud800 half a character", "text in Unicode"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, words: str) -> None:
    with pytest.raises(WeakPasswordError, match=words):
        hashed(password, "ada@example.com")


def test_what_is_made_up_is_accepted_and_never_the_same() -> None:
    made = {made_up(name) for name in ("a", "0", "ada", "a-b") for _ in range(100)}
    assert len(made) == 400
    assert all(matches(one, hashed(one, "a")) for one in list(made)[:2])


def test_a_hash_of_other_parameters_is_told() -> None:
    assert not is_outdated(hashed(GOOD, "ada"))
    assert is_outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD))


@given(st.text(max_size=300))
@settings(max_examples=20)
def test_no_text_breaks_the_comparison(password: str) -> None:
    assert not matches(password, None)
