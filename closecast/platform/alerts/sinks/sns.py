"""Amazon SNS: people's subscribers get text, programs' the message as JSON."""

import json
from typing import Any

from closecast.platform.alerts.message import Message, paragraphs, subject
from closecast.platform.alerts.sinks.sink import SinkError

_SUBJECT = 99  # SNS takes fewer than 100 characters, in ASCII
_TEXT = 60_000  # characters; SNS takes 262,144 bytes in all
_PROGRAMS = ("sqs", "lambda", "http", "https", "firehose")


class Sns:
    """Publishes to `topic` (an ARN), with the credentials and the endpoint that AWS's own variables name."""

    def __init__(self, name: str, topic: str) -> None:
        self.name = name
        self._topic = topic
        self._client: Any = None

    def send(self, message: Message) -> None:
        """Raises SinkError."""
        # Imported here: it takes half a second, which platforms without this sink need not wait for.
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._connected().publish(TopicArn=self._topic, **document(message))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise SinkError(f"SNS answered {code}") from error
        except (BotoCoreError, ValueError) as error:
            raise SinkError(f"SNS was not reached: {type(error).__name__}") from error

    def _connected(self) -> Any:
        if self._client is None:
            import boto3
            from botocore.config import Config

            limits = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
            self._client = boto3.client("sns", region_name=self._topic.split(":")[3], config=limits)
        return self._client


def document(message: Message) -> dict[str, Any]:
    """The arguments of Publish besides the topic."""
    text, whole = "\n\n".join(paragraphs(message))[:_TEXT], message.as_json().decode()
    attributes = {
        "rule": message.rule,
        "severity": message.severity,
        "kind": message.kind,
        "message_id": str(message.id),
    }
    return {
        "Subject": subject(message).encode("ascii", "replace").decode()[:_SUBJECT].rstrip(),
        "Message": json.dumps({"default": text, **dict.fromkeys(_PROGRAMS, whole)}),
        "MessageStructure": "json",
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
