"""The certificate that the gateway shows."""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

_SECONDS = 5.0


class CertificateError(RuntimeError):
    """The gateway shows no certificate."""


@dataclass(frozen=True)
class Certificate:
    """When a certificate begins and ends, and a name of its."""

    name: str
    not_before: datetime
    not_after: datetime


def shown_by(file: Path) -> Certificate | None:
    """Read what the server at the address (host:port) in `file` shows; None for an empty file.

    Nothing is trusted: only its dates are read. Raises CertificateError.
    """
    host, _, port = file.read_text().strip().rpartition(":")
    if not port.isdecimal():
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, int(port)), _SECONDS) as plain,
            context.wrap_socket(plain) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
    except OSError as error:
        raise CertificateError(f"the gateway shows no certificate: {type(error).__name__}") from error
    if not shown:
        raise CertificateError("the gateway shows no certificate")
    read = x509.load_der_x509_certificate(shown)
    return Certificate(_name(read), read.not_valid_before_utc, read.not_valid_after_utc)


def _name(read: x509.Certificate) -> str:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return read.subject.rfc4514_string()
    return str(next(iter(names)).value)
