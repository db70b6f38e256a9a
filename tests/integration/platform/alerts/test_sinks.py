"""Messages delivered to real receivers: HTTP, mail, and LocalStack's SNS."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from email.header import decode_header, make_header
from pathlib import Path

import pytest

from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.message import Item, Message, from_json
from closecast.platform.alerts.sinks.sink import SinkError
from closecast.platform.alerts.sinks.slack import Slack
from closecast.platform.alerts.sinks.smtp import Security, Smtp
from closecast.platform.alerts.sinks.sns import Sns
from closecast.platform.alerts.sinks.webhook import Webhook
from tests.integration.platform.alerts.receivers import PASSWORD, USER, http_receiver, mail_server
from tests.servers.localstack import S3
from tests.servers.processes import free_port

# The mail server says so of logins over TLS from the start, which it does not take for TLS.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore:Requiring AUTH")]

SECRET = "a secret of the webhook's receiver"
HOSTILE = Alert(
    "harmful_proved",
    "model 7",
    "page",
    "Harm\r\nBcc: everybody@example.com\r\n\r\n<!channel> <script>alert(1)</script> @here =cmd|' /C calc'!A0",
    "first\n.\nMAIL FROM:<x>\n<https://evil.example|click>",
    {"report": "https://localhost/report?a=1&b=<2>|3", "run": "javascript:alert(1)"},
)


def message(alert: Alert = HOSTILE) -> Message:
    now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    item = Item(alert.key, alert.summary, alert.description, dict(alert.links), dict(alert.labels), now)
    return Message(uuid.uuid4(), "firing", alert.rule, alert.severity, "docs/runbooks.md#harmful_proved", [item])


def test_a_webhook_gets_the_message_signed() -> None:
    made = message()
    with http_receiver() as received:
        Webhook("hook", received.url, SECRET).send(made)
    [(path, headers, body)] = received.requests
    assert path == "/hook/with-a-secret"
    assert from_json(body) == made
    signed = f"{headers['x-closecast-delivery-id']}.{headers['x-closecast-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
    assert headers["x-closecast-signature"] == f"v1,{wanted}"
    assert headers["x-closecast-delivery-id"] == str(made.id)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 500, 503])
def test_an_answer_that_is_no_success_delivers_nothing_and_leads_nowhere(status: int) -> None:
    with http_receiver() as elsewhere, http_receiver() as received:
        received.status, received.location = status, elsewhere.url
        with pytest.raises(SinkError, match=str(status)) as caught:
            Webhook("hook", received.url, SECRET).send(message())
    assert elsewhere.requests == []
    assert "with-a-secret" not in str(caught.value)


def test_a_receiver_that_is_away_is_told_without_its_path() -> None:
    with pytest.raises(SinkError, match="not reached") as caught:
        Slack("slack", f"http://127.0.0.1:{free_port()}/services/secret").send(message())
    assert "secret" not in str(caught.value)


def test_slack_gets_texts_that_mention_nobody_and_link_only_addresses() -> None:
    with http_receiver() as received:
        Slack("slack", received.url).send(message())
    posted = json.loads(received.requests[0][2])
    assert "<" not in posted["text"]
    assert "@here" not in posted["text"]
    kinds = {
        block["text"]["type"] for block in posted["blocks"] if "text" in block and "<!channel>" in block["text"]["text"]
    }
    assert kinds == {"plain_text"}
    [links] = [block["text"]["text"] for block in posted["blocks"] if block.get("text", {}).get("type") == "mrkdwn"]
    assert links == "<https://localhost/report?a=1&amp;b=%3C2%3E%7C3|report>"


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
def test_mail_arrives_as_plain_text_with_the_headers_that_are_ours(tmp_path: Path, security: Security) -> None:
    # given
    made = message()
    with mail_server(tmp_path, security) as server:
        login = None if security == "none" else (USER, PASSWORD)
        mail = Smtp(
            "mail",
            server.host,
            server.port,
            security,
            "closecast@example.com",
            ["on-call@example.com"],
            login,
            server.ca_file,
        )
        # when
        mail.send(made)
        mail.send(made)
    # then
    [first, again] = server.mails
    assert first["Bcc"] is None
    assert first["X-RcptTo"] == "on-call@example.com"
    assert str(make_header(decode_header(first["Subject"]))).startswith(
        "[page] Harm Bcc: everybody@example.com <!channel>"
    )
    assert first.get_content_type() == "text/plain"
    text = first.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert b"<script>alert(1)</script>" in text
    assert b"\n.\n" in text.replace(b"\r\n", b"\n")
    assert b"docs/runbooks.md#harmful_proved" in text
    assert first["Message-ID"] == again["Message-ID"]


def test_mail_is_not_sent_to_a_server_with_a_certificate_of_somebody_else(tmp_path: Path) -> None:
    with mail_server(tmp_path, "starttls") as server:
        mail = Smtp("mail", server.host, server.port, "starttls", "a@example.com", ["b@example.com"], (USER, PASSWORD))
        with pytest.raises(SinkError, match="SSLCertVerificationError"):
            mail.send(message())
    assert server.mails == []


def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    with mail_server(tmp_path, "tls") as server:
        mail = Smtp(
            "mail",
            server.host,
            server.port,
            "tls",
            "a@example.com",
            ["b@example.com"],
            (USER, "wrong one"),
            server.ca_file,
        )
        with pytest.raises(SinkError, match=r"127\.0\.0\.1") as caught:
            mail.send(message())
    assert "wrong one" not in str(caught.value)


def test_a_mail_server_that_offers_no_tls_gets_nothing(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none") as server:
        mail = Smtp("mail", server.host, server.port, "starttls", "a@example.com", ["b@example.com"], (USER, PASSWORD))
        with pytest.raises(SinkError):
            mail.send(message())
    assert server.mails == []


def test_sns_hands_text_to_people_and_json_to_programs(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL_SNS": s3.endpoint,
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_REGION": s3.region,
    }.items():
        monkeypatch.setenv(name, value)
    sns, sqs = (boto3.client(name, endpoint_url=s3.endpoint, region_name=s3.region) for name in ("sns", "sqs"))
    topic = sns.create_topic(Name="closecast-local-alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    made = message()
    # when
    Sns("sns", topic).send(made)
    # then
    [got] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    envelope = json.loads(got["Body"])
    assert from_json(envelope["Message"]) == made
    assert envelope["Subject"].startswith("[page] Harm Bcc: everybody@example.com <!channel>")
    assert len(envelope["Subject"]) < 100
    assert envelope["MessageAttributes"]["severity"]["Value"] == "page"
    with pytest.raises(SinkError, match="NotFound"):
        Sns("sns", f"{topic}-of-nobody").send(made)


def test_sns_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL_SNS": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "LK",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SinkError, match="SNS was not reached"):
        Sns("sns", "arn:aws:sns:us-east-1:000000000000:topic").send(message())
