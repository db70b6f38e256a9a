"""What every sink is."""

from typing import Protocol

from closecast.platform.alerts.message import Message


class SinkError(RuntimeError):
    """A message was not delivered. The text holds no secret and no address with one."""


class Sink(Protocol):
    """A receiver of messages."""

    @property
    def name(self) -> str:
        """Its name among the configured sinks."""

    def send(self, message: Message) -> None:
        """Deliver `message`; returns once the receiver has it. Raises SinkError."""
