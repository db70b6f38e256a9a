"""Verify AWS Signature Version 4 by recomputing it with botocore's signer."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from refusal import RefusedError

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_SKEW = timedelta(minutes=15)
_LONGEST_SECONDS = 7 * 24 * 3600
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class SignedRequest:
    """A request as received: `target` is from the request line, header names are in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found == name]

    def one(self, name: str) -> str:
        """The header's only value, empty if absent. Raises RefusedError for a repeated header."""
        values = self.all(name)
        if len(values) > 1:
            raise RefusedError("InvalidRequest", f"the header {name} is there {len(values)} times, expected once")
        return values[0] if values else ""

    @property
    def path(self) -> str:
        """The path, percent-encoded as AWS requires."""
        return quote(unquote_to_bytes(urlsplit(self.target).path or "/"), "/-_.~")

    @property
    def query(self) -> list[tuple[str, str]]:
        """Names and values of the query, percent-encoded as AWS requires."""
        pairs = [part.partition("=") for part in urlsplit(self.target).query.split("&") if part]
        return [(_encoded(name), _encoded(value)) for name, _, value in pairs]


@dataclass(frozen=True)
class _StatedSignature:
    """The signature as the request states it."""

    credential: str
    signed: tuple[str, ...]
    signature: str
    stamp: str
    lives: timedelta | None = None

    @classmethod
    def of(cls, request: SignedRequest) -> "_StatedSignature":
        query = {name: unquote(value) for name, value in request.query}
        header = request.one("authorization")
        presigned = [name for name in query if name.lower().startswith("x-amz-")]
        if header and (presigned or "Signature" in query):
            raise RefusedError("InvalidRequest", "the request is signed twice, in its header and in its query")
        if presigned:
            if query.get("X-Amz-Algorithm") != ALGORITHM or len(query) != len(request.query):
                raise RefusedError("AuthorizationQueryParametersError", f"expected one X-Amz-Algorithm={ALGORITHM}")
            seconds = query.get("X-Amz-Expires", "")
            if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 8 and int(seconds) <= _LONGEST_SECONDS):
                raise RefusedError(
                    "AuthorizationQueryParametersError", f"X-Amz-Expires: expected 0 to {_LONGEST_SECONDS} seconds"
                )
            named = [query.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders", "Signature", "Date")]
            return cls(named[0], tuple(named[1].split(";")), named[2], named[3], timedelta(seconds=int(seconds)))
        if not header:
            raise RefusedError(
                "AccessDenied", "the request is not signed: sign it with an access key of the platform's"
            )
        algorithm, _, rest = header.partition(" ")
        if algorithm != ALGORITHM:
            raise RefusedError("AccessDenied", f"only signatures of {ALGORITHM} are taken here")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        signed = tuple(parts.get("SignedHeaders", "").split(";"))
        return cls(parts.get("Credential", ""), signed, parts.get("Signature", ""), request.one("x-amz-date"))


class _Signer(SigV4Auth):
    """botocore's signer, for the signed headers and the payload hash that the request states."""

    def __init__(self, credentials: Credentials, service: str, region: str, signed: tuple[str, ...], payload: str):
        super().__init__(credentials, service, region)
        self._signed, self._payload, self._for = signed, payload, service

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        found = HTTPHeaders()
        for name in self._signed:
            for value in request.headers.get_all(name, []):
                found[name] = value
        return found

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - botocore's own
        return self._payload

    def _normalize_url_path(self, path: str) -> str:
        return path if self._for == "s3" else super()._normalize_url_path(path)  # type: ignore[misc]  # the stubs leave it out


def verify(request: SignedRequest, secrets: Mapping[str, str], now: datetime, body_sha256: Callable[[], str]) -> str:
    """Verify the signature of `request` and return its access key; `secrets` maps access keys to secret keys.

    Raises RefusedError unless it was signed within 15 minutes of `now`, or presigned and not expired. `body_sha256`
    hashes the body; it is called only if key, time and headers are valid. An unsigned body, which S3 allows, is not
    checked.
    """
    stated = _StatedSignature.of(request)
    key, date, region, service, end = (stated.credential.split("/") + [""] * 5)[:5]
    secret_key = secrets.get(key)
    if secret_key is None:
        raise RefusedError("InvalidAccessKeyId", "the access key is none of the platform's own")
    _check_time(stated, date, now)
    if end != "aws4_request" or stated.credential.count("/") != 4 or not region or not service:
        raise RefusedError("AuthorizationHeaderMalformed", "the scope is not <date>/<region>/<service>/aws4_request")
    needed = {"host", *(name for name, _ in request.headers if name.startswith("x-amz-"))}
    if left_out := sorted(needed - set(stated.signed)):
        raise RefusedError("AccessDenied", f"headers that must be signed are not: {', '.join(left_out)}")
    declared = request.one("x-amz-content-sha256") or (
        UNSIGNED[0] if stated.lives is not None and service == "s3" else ""
    )
    if declared.startswith("STREAMING-AWS4"):
        raise RefusedError(
            "AccessDenied", "chunks with signatures of their own are not taken here: sign the whole body"
        )
    free = service == "s3" and declared in UNSIGNED
    actual = declared if free else body_sha256()
    if declared and not hmac.compare_digest(declared.encode(), actual.encode()):
        raise RefusedError("XAmzContentSHA256Mismatch", "the body is not the one whose SHA-256 was signed")
    signer = _Signer(Credentials(key, secret_key), service, region, stated.signed, actual)
    if not hmac.compare_digest(_signature(signer, request, stated.stamp).encode(), stated.signature.encode()):
        raise RefusedError(
            "SignatureDoesNotMatch", "the signature is not that of this request and the key that it names"
        )
    return key


def _check_time(stated: _StatedSignature, date: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stated.stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError("AccessDenied", "the request does not say when it was signed (X-Amz-Date)") from None
    if date != stated.stamp[:8]:
        raise RefusedError("SignatureDoesNotMatch", "the scope is of another day than the request")
    if (stated.lives is None and abs(now - signed_at) > _SKEW) or signed_at - now > _SKEW:
        raise RefusedError("RequestTimeTooSkewed", "the request was signed more than 15 minutes from now")
    if stated.lives is not None and now > signed_at + stated.lives:
        raise RefusedError("AccessDenied", "the address has expired")


def _signature(signer: _Signer, request: SignedRequest, stamp: str) -> str:
    pairs = [(name, value) for name, value in request.query if name != "X-Amz-Signature"]
    query = "&".join(f"{name}={value}" for name, value in pairs)
    unsigned = AWSRequest(request.method, f"http://localhost{request.path}?{query}")
    for name, value in request.headers:
        unsigned.headers[name] = value
    unsigned.context["timestamp"] = stamp
    return signer.signature(signer.string_to_sign(unsigned, signer.canonical_request(unsigned)), unsigned)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ")), "-_.~")
