"""Who made a model: a signature over its run and its manifest's hash, by a key that nobody who only keeps models holds.

Ed25519 (RFC 8032). What is signed begins with words that nothing else signs, so that no signature stands for anything but
this; and it names the run, so that none stands for another run's model.
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
    """A model bears no signature by a key that is trusted here."""


@dataclass(frozen=True)
class Signer:
    """The private key."""

    _key: Ed25519PrivateKey

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """From 32 bytes in unpadded URL-safe base64. Raises ValueError, which does not quote them."""
        return cls(Ed25519PrivateKey.from_private_bytes(_octets(text)))

    def sign(self, model: str, run_id: str, sha256: str) -> str:
        """The signature of the registered model `model` that `run_id` made and whose manifest has the hash `sha256`."""
        return _text(self._key.sign(_message(model, run_id, sha256)))

    @property
    def public(self) -> str:
        """The public key as text, for `TrustedKeys`."""
        return _text(self._key.public_key().public_bytes_raw())


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys of which any may have signed."""

    _keys: tuple[Ed25519PublicKey, ...]

    @classmethod
    def from_text(cls, text: str) -> "TrustedKeys":
        """From keys as `Signer.public` gives them, with commas between. Raises ValueError for none and for what is no key."""
        parts = [part.strip() for part in text.split(",")]
        return cls(tuple(Ed25519PublicKey.from_public_bytes(_octets(part)) for part in parts))

    def check(self, model: str, run_id: str, sha256: str, signature: str | None) -> None:
        """Raises UnsignedError when `signature` is missing or is none by these keys of just this."""
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
    """Each part with its length, so that no two lists of parts are one message."""
    return b"".join(b"%d:%b," % (len(octets), octets) for octets in (part.encode() for part in (_DOMAIN, *parts)))


def _octets(text: str) -> bytes:
    """Not quoted in the error: it may be a private key."""
    octets = _decoded(text)
    if len(octets) != _KEY_BYTES:
        raise ValueError(f"a key has {len(octets)} bytes; expected {_KEY_BYTES}, in URL-safe base64")
    return octets


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Raises ValueError for what is no URL-safe base64; padding may be left out."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ValueError(f"it is no URL-safe base64: {error}") from error
