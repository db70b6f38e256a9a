"""Model signatures: over the run and the manifest's hash, with a key that only training processes hold.

Ed25519 (RFC 8032). The signed message begins with a fixed domain string, so that a signature is valid for nothing else,
and names the run, so that it is not valid for another run's model.
"""

import base64
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from closecast.models.manifest import ModelError

SIGNATURE_TAG = "model_signature"  # of a version and of its run
_DOMAIN = "closecast model signature, version 1"
_KEY_BYTES = 32
_REMEDY = (
    "train anew (`just up` does so where the champion has none), or, if you know who made it, sign it: "
    "`just sign-model <version>`"
)


class UnsignedError(ModelError):
    """A model has no signature by a trusted key."""


@dataclass(frozen=True)
class Signer:
    """The private key."""

    _key: Ed25519PrivateKey

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """Read 32 bytes in unpadded URL-safe base64. Raises ValueError, which does not quote them."""
        return cls(Ed25519PrivateKey.from_private_bytes(_octets(text)))

    def sign(self, model: str, run_id: str, sha256: str) -> str:
        """Sign the registered model `model`, made by `run_id`, whose manifest has the hash `sha256`."""
        return _text(self._key.sign(_message(model, run_id, sha256)))

    @property
    def public(self) -> str:
        """The public key as text, for `TrustedKeys`."""
        return _text(self._key.public_key().public_bytes_raw())


@dataclass(frozen=True)
class TrustedKeys:
    """Public keys; a signature by any of them is accepted."""

    _keys: tuple[Ed25519PublicKey, ...]

    @classmethod
    def from_text(cls, text: str) -> "TrustedKeys":
        """Read keys as `Signer.public` returns them, separated by commas.

        Raises ValueError for none or an unusable one.
        """
        parts = [part.strip() for part in text.split(",")]
        return cls(tuple(Ed25519PublicKey.from_public_bytes(_octets(part)) for part in parts))

    def check(self, model: str, run_id: str, sha256: str, signature: str | None) -> None:
        """Raise UnsignedError unless `signature` is valid for this model by one of these keys."""
        if not signature:
            raise UnsignedError(f"it bears no signature (tag {SIGNATURE_TAG}): {_REMEDY}")
        try:
            octets = _decoded(signature)
        except ValueError as error:
            raise UnsignedError(f"its signature {signature[:20]!r} cannot be read ({error}): {_REMEDY}") from error
        message = _message(model, run_id, sha256)
        if not any(_is_by(key, octets, message) for key in self._keys):
            raise UnsignedError(
                "its signature is not of this model by a key that is trusted here: somebody else made or changed it, or the "
                f"keys were changed since: {_REMEDY}"
            )


def _is_by(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _message(*parts: str) -> bytes:
    """The signed message: each part with its length, so that it is unambiguous."""
    return b"".join(b"%d:%b," % (len(octets), octets) for octets in (part.encode() for part in (_DOMAIN, *parts)))


def _octets(text: str) -> bytes:
    """Decode a key. The error does not quote it, because it may be private."""
    octets = _decoded(text)
    if len(octets) != _KEY_BYTES:
        raise ValueError(f"a key has {len(octets)} bytes; expected {_KEY_BYTES}, in URL-safe base64")
    return octets


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Decode URL-safe base64, padded or not. Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ValueError(f"it is no URL-safe base64: {error}") from error
