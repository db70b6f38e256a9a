"""SMTP: one mail in plain text for each message."""

import logging
import smtplib
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from pathlib import Path
from typing import Literal

from closecast.platform.alerts.message import Message, paragraphs, subject
from closecast.platform.alerts.sinks.sink import SinkError

_LOG = logging.getLogger(__name__)

Security = Literal["tls", "starttls", "none"]
_SECONDS = 15


class Smtp:
    """Sends mail through `host`:`port`, over TLS from the start, after STARTTLS, or without (to this machine only).

    `ca_file` names the authorities to trust instead of the system's.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        security: Security,
        sender: str,
        recipients: Sequence[str],
        login: tuple[str, str] | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self.name = name
        self._host, self._port, self._security = host, port, security
        self._sender, self._recipients, self._login = sender, list(recipients), login
        self._ca_file = ca_file

    def send(self, message: Message) -> None:
        """Raises SinkError when nobody gets it; of several recipients, those that are refused are logged."""
        mail = document(message, self._sender, self._recipients)
        try:
            with self._connected() as server:
                if self._login is not None:
                    server.login(*self._login)
                refused = server.send_message(mail, self._sender, self._recipients)
        except smtplib.SMTPResponseException as error:
            raise SinkError(f"{self._host} answered {error.smtp_code} ({type(error).__name__})") from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SinkError(f"{self._host} did not take the mail: {type(error).__name__}") from error
        if refused:
            _LOG.error("mail", extra={"sink": self.name, "problem": f"{len(refused)} of the recipients are refused"})

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self._ca_file)
        if self._security == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_SECONDS, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=_SECONDS)
        if self._security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server


def document(message: Message, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The mail. Headers are set by `email`, which refuses line breaks; the text is plain, so HTML in it is inert."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Closecast", addr_spec=sender)
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = subject(message)
    mail["Date"] = format_datetime(localtime())
    # The same when it is sent again, so that mailboxes show it once.
    mail["Message-ID"] = f"<{message.id}@closecast.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Closecast-Rule"] = message.rule
    mail.set_content("\n\n".join(paragraphs(message)) + "\n")
    return mail
