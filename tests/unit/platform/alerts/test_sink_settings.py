"""The operator's file of sinks is checked, and no message about it quotes a secret."""

import json
from typing import Any

import pytest

from closecast.platform.alerts.sinks.settings import SinksError, parse, routes, sink

MAIL = {
    "kind": "smtp",
    "name": "mail",
    "host": "mail.example.com",
    "sender": "closecast@example.com",
    "recipients": ["on-call@example.com"],
    "user": "closecast",
    "password": "s3cret of the mail server",
}
HOOK = {"kind": "webhook", "name": "hook", "url": "https://example.com/s3cret", "secret": "s3cret of the hook"}
SLACK = {"kind": "slack", "name": "slack", "url": "https://hooks.example.com/s3cret", "severities": ["page"]}
SNS = {"kind": "sns", "name": "sns", "topic": "arn:aws:sns:us-east-1:000000000000:closecast-local-alerts"}


def test_each_kind_of_sink_is_made_from_its_settings() -> None:
    found = parse(json.dumps([MAIL, HOOK, SLACK, SNS]))
    assert [sink(one).name for one in found] == ["mail", "hook", "slack", "sns"]
    assert [sorted(one.severities) for one in routes(found)][1:3] == [["note", "page"], ["page"]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (MAIL | {"colour": "red"}, "colour"),
        (MAIL | {"kind": "pigeon"}, "pigeon"),
        (MAIL | {"recipients": []}, "recipients"),
        (MAIL | {"recipients": ["a@example.com\r\nBcc: b@example.com"]}, "is no mail address"),
        (MAIL | {"sender": "nobody"}, "is no mail address"),
        (MAIL | {"host": "mail.example.com\n"}, "host is no name"),
        (MAIL | {"security": "none"}, "security is none"),
        (MAIL | {"password": None}, "belong together"),
        (HOOK | {"url": "http://example.com/s3cret"}, "not https"),
        (HOOK | {"url": "https://user:s3cret@example.com/"}, "a user or a password"),
        (HOOK | {"url": "file:///etc/s3cret"}, "no address"),
        (HOOK | {"url": "https://example.com/s3cret\r\nX: y"}, "no address"),
        (HOOK | {"url": "http://127.0.0.1.s3cret.example/"}, "not https"),
        (HOOK | {"secret": "short"}, "secret"),
        (SLACK | {"severities": ["everything"]}, "everything"),
        (SNS | {"topic": "closecast-local-alerts"}, "no ARN"),
        (SNS | {"name": "Not A Name"}, "name"),
    ],
)
def test_a_sink_that_cannot_be_used_is_refused_without_its_secrets(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SinksError, match=said) as caught:
        parse(json.dumps([given]))
    assert "s3cret" not in str(caught.value)


def test_names_are_given_once() -> None:
    with pytest.raises(SinksError, match="two sinks have the name hook"):
        parse(json.dumps([HOOK, HOOK]))


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", "\ud800".encode("utf-8", "surrogatepass")])
def test_what_is_no_list_of_sinks_is_refused(text: str | bytes) -> None:
    with pytest.raises(SinksError):
        parse(text)
