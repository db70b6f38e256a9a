"""Webhook: the message as JSON, signed like MLflow's webhooks."""

import base64
import hashlib
import hmac
import time

from closecast.platform.alerts.message import Message
from closecast.platform.alerts.sinks.http import post

SIGNATURE, TIMESTAMP, DELIVERY = "X-Closecast-Signature", "X-Closecast-Timestamp", "X-Closecast-Delivery-Id"


class Webhook:
    """Posts to `url`. The signature is "v1," and base64 of HMAC-SHA256 over "<delivery id>.<timestamp>.<body>"."""

    def __init__(self, name: str, url: str, secret: str) -> None:
        self.name = name
        self._url, self._secret = url, secret.encode()

    def send(self, message: Message) -> None:
        """Raises SinkError."""
        body, stamp = message.as_json(), str(int(time.time()))
        signed = hmac.digest(self._secret, f"{message.id}.{stamp}.".encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "closecast",
            DELIVERY: str(message.id),
            TIMESTAMP: stamp,
            SIGNATURE: f"v1,{base64.b64encode(signed).decode()}",
        }
        post(self._url, body, headers)
