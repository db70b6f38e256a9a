"""Mapping files: what is read, and what is said of one that cannot be."""

import jsonschema
import msgspec
import pytest

from closecast.deals.mapping import document
from closecast.deals.mapping.document import Columns, Mapping, MappingError
from closecast.deals.mapping.profiles import shipped

TEXT = """
version: 1
columns: {stage: Phase, created: Erstellt, closed: [Gewonnen am, Verloren am], amount: Betrag}
stages: {Gewonnen: won, Verloren: lost, Offen: open}
dates: dmy
timezone: Europe/Berlin
decimal_mark: ","
rates: {EUR: 1, USD: 0.9}
fiscal_year_start: 4
"""


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{deal: d, changed: c}", "names neither stage nor expected_close"),
        ("{deal: d, changed: c, stage: s, field: f}", "names one of field and value"),
        ("{deal: '?', changed: c, stage: s}", "leaves history.deal open"),
        ("{deal: d, stage: s}", "missing required field `changed`"),
    ],
)
def test_a_history_that_says_too_little_is_refused(section: str, words: str) -> None:
    with pytest.raises(MappingError, match=words):
        document.parse(f"{TEXT}history: {section}\n")


def test_the_columns_of_a_history_are_read_and_written() -> None:
    mapping = document.parse(f"{TEXT}history: {{deal: d, changed: c, field: f, value: v, stage: StageName}}\n")
    assert mapping.history is not None
    assert mapping.history.used() == {"d": "deal", "c": "changed", "f": "field", "v": "value"}
    assert document.parse(document.write(mapping)) == mapping


def test_a_mapping_is_read_and_written() -> None:
    mapping = document.parse(TEXT)
    assert mapping.columns == Columns(
        stage="Phase", created="Erstellt", closed=("Gewonnen am", "Verloren am"), amount="Betrag"
    )
    assert mapping.rates == {"EUR": 1.0, "USD": 0.9}
    assert document.parse(document.write(mapping)) == mapping
    assert mapping.columns.used() == {
        "Phase": "stage",
        "Erstellt": "created",
        "Betrag": "amount",
        "Gewonnen am": "closed",
        "Verloren am": "closed",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("version: 1", "version: 2"), r"Invalid enum value 2 - at `\$.version`"),
        (("stage: Phase, ", ""), r"missing required field `stage` - at `\$.columns`"),
        (("Offen: open", "Offen: maybe"), r"Invalid enum value 'maybe' - at `\$.stages"),
        (("Offen: open", "Offen: '?'"), r"Invalid enum value '\?' - at `\$.stages"),
        (("stage: Phase", "stage: '?'"), "leaves columns.stage open: name a column there"),
        (("dates: dmy", "dates: '?'"), r"Invalid enum value '\?' - at `\$.dates`"),
        (("USD: 0.9", "USD: 0"), r"Expected `float` > 0.0 - at `\$.rates"),
        (("USD: 0.9", "usd: 1"), r"Expected `str` matching regex .* in `\$.rates`"),
        (("fiscal_year_start: 4", "fiscal_year_start: 13"), "Expected `int` <= 12"),
        (("fiscal_year_start: 4", "fiscal_start: 4"), "unknown field `fiscal_start`"),
        (("timezone: Europe/Berlin", "timezone: Europe/Atlantis"), "there is no time zone 'Europe/Atlantis'"),
        (("timezone: Europe/Berlin", "timezone: ../../etc/passwd"), "there is no time zone"),
        ((TEXT, "- a\n- b"), "Expected `object`, got `array`"),
        ((TEXT, "a: [1"), "the mapping cannot be read"),
        ((TEXT, "a: !!python/object/apply:os.system [ls]"), "the mapping cannot be read"),
        ((TEXT, ""), "the mapping cannot be read"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: tuple[str, str], words: str) -> None:
    with pytest.raises(MappingError, match=words) as raised:
        document.parse(TEXT.replace(*change))
    assert "\n" not in str(raised.value)


def test_aliases_that_grow_without_end_are_refused() -> None:
    # given a document of a few lines whose aliases stand for millions of values
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 9)]
    with pytest.raises(MappingError, match="cannot be read"):
        document.parse("\n".join(lines))


def test_the_schema_for_editors_takes_what_is_taken_and_no_more() -> None:
    schema = document.schema()
    for profile in shipped():
        jsonschema.validate(msgspec.json.decode(msgspec.json.encode(profile)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "columns": {}, "stages": {}}, schema)


def test_each_profile_says_what_is_won_and_what_is_lost() -> None:
    assert len(shipped()) >= 9
    for profile in shipped():
        assert {"won", "lost"} <= set(profile.stages.values()), profile.name
        assert isinstance(profile, Mapping)
