"""Slack: a message for an incoming webhook, which Mattermost and others take too."""

import json
from typing import Any
from urllib.parse import urlsplit

from closecast.platform.alerts.message import Message, paragraphs, subject
from closecast.platform.alerts.sinks.http import post

_TEXT, _LINKS = 2_900, 10  # Slack takes 3,000 characters in a block
_SIGNS = {"firing": ":red_circle:", "reminder": ":large_orange_circle:", "resolved": ":large_green_circle:"}


class Slack:
    """Posts to `url`, which is itself the secret.

    Texts of alerts are blocks of plain text, so that neither mentions nor formatting in them do anything.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url

    def send(self, message: Message) -> None:
        """Raises SinkError."""
        post(self._url, json.dumps(document(message)).encode(), {"Content-Type": "application/json"})


def document(message: Message) -> dict[str, Any]:
    """What is posted."""
    blocks: list[dict[str, Any]] = [
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _SIGNS[message.kind]}]},
        _plain(subject(message)),
        *map(_plain, paragraphs(message)),
    ]
    links = [_link(name, url) for one in message.alerts for name, url in one.links.items() if _is_address(url)]
    if links:
        text = " · ".join(dict.fromkeys(links[:_LINKS]))
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text[:_TEXT]}})
    # What notifications show; here Slack would read mentions.
    return {"text": escaped(subject(message)), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def escaped(text: str) -> str:
    """`text` without a meaning to Slack: mentions and links begin with <."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u2060")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text[:_TEXT], "emoji": False}}


def _link(name: str, url: str) -> str:
    return f"<{escaped_url(url)}|{escaped(name).replace('|', '/')}>"


def escaped_url(url: str) -> str:
    """`url` so that it ends no link of Slack's."""
    return url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
