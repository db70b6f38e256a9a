"""The commands about alerts: what they take, and what they say of sinks without their secrets."""

import json
from pathlib import Path

import pytest

from ops import alerts
from ops.errors import OperatorError
from ops.setup.credentials import ALERTS_TOPIC, Credentials


@pytest.mark.usefixtures("state")
def test_a_new_platform_sends_to_its_topic(capsys: pytest.CaptureFixture[str]) -> None:
    made = Credentials.load_or_create()
    assert ALERTS_TOPIC in made.alert_sinks
    assert alerts.sinks([]) == 0
    assert capsys.readouterr().out == "sns: sns, pages and notes\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {kind: slack, name: chat, url: 'http://example.com/s3cret'}", "not https"),
        ("- {kind: slack, name: chat, url: 'https://example.com/s3cret', colour: s3cret}", "colour"),
        ("kind: slack", "Expected `array`"),
        ("- {url: s3cret", "is not YAML"),
        ("- 2026-11-28", "not JSON serializable"),
        ("- 7", "Expected `object`"),
    ],
)
@pytest.mark.usefixtures("state")
def test_a_file_that_cannot_be_used_changes_nothing_and_quotes_no_secret(tmp_path: Path, text: str, said: str) -> None:
    before = Credentials.load_or_create()
    file = tmp_path / "s3.yaml"
    file.write_text(text)
    with pytest.raises(OperatorError, match=said) as caught:
        alerts.sinks([str(file)])
    assert "s3cret" not in str(caught.value)
    assert Credentials.load() == before


@pytest.mark.usefixtures("state")
def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"none\.yaml cannot be read"):
        alerts.sinks([str(tmp_path / "none.yaml")])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["harm", "--for", "soon"], "'soon' is no span of time"),
        (["harm", "--end", "first"], "no whole number"),
        (["harm", "more"], "unrecognized arguments: more"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        alerts.silence(arguments)


def test_sinks_are_kept_as_the_service_reads_them(state: Path) -> None:
    made = Credentials.load_or_create()
    assert json.loads(made.variables()["alerts"]["sinks"])[0]["kind"] == "sns"
    assert made.alertmanager_token == made.variables()["alertmanager"]["token"]
    assert made.variables()["prometheus"]["alertmanager_password"] == made.variables()["alertmanager"]["password"]
    assert Credentials.file().parent == state
