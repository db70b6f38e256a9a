"""A signature stands for one run's model by one key, and for nothing else."""

import secrets

import pytest

from closecast.models.manifest import ModelError
from closecast.platform.settings import RegistrySettings, SettingsError, signer
from closecast.platform.signatures import Signer, TrustedKeys

SHA256 = "ab" * 32
HERE = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}


def _signer() -> Signer:
    return Signer.from_text(secrets.token_urlsafe(32))


def test_a_model_is_trusted_by_any_of_the_keys_and_by_no_other() -> None:
    # given
    old, new, stranger = _signer(), _signer(), _signer()
    trusted = TrustedKeys.from_text(f"{new.public}, {old.public}")
    # when / then
    for one in (old, new):
        trusted.check("closecast", "run", SHA256, one.sign("closecast", "run", SHA256))
    with pytest.raises(ModelError, match=r"not of this model by a key that is trusted here.*just sign-model"):
        trusted.check("closecast", "run", SHA256, stranger.sign("closecast", "run", SHA256))


@pytest.mark.parametrize(
    ("model", "run", "sha256"),
    [
        ("closecast", "other", SHA256),
        ("other", "run", SHA256),
        ("closecast", "run", "ac" + SHA256[2:]),
        ("closecastrun", "", SHA256),
        ("closecast", "run" + SHA256[:1], SHA256[1:]),
    ],
)
def test_a_signature_is_of_one_model_alone(model: str, run: str, sha256: str) -> None:
    one = _signer()
    with pytest.raises(ModelError, match="not of this model"):
        TrustedKeys.from_text(one.public).check(model, run, sha256, one.sign("closecast", "run", SHA256))


@pytest.mark.parametrize("signature", [None, "", "x", "a" * 86, "§" * 86, "a" * 10_000, "AAAA\n"])
def test_what_is_no_signature_is_told(signature: str | None) -> None:
    with pytest.raises(ModelError, match="signature"):
        TrustedKeys.from_text(_signer().public).check("closecast", "run", SHA256, signature)


def test_each_bit_of_a_signature_counts() -> None:
    import base64

    one = _signer()
    trusted = TrustedKeys.from_text(one.public)
    genuine = base64.urlsafe_b64decode(one.sign("closecast", "run", SHA256) + "==")
    for at in range(len(genuine) * 8):
        flipped = bytearray(genuine)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(ModelError, match="not of this model"):
            trusted.check("closecast", "run", SHA256, base64.urlsafe_b64encode(flipped).decode())


@pytest.mark.parametrize("keys", ["", " ", ",", "x", "a" * 43 + ",", "a" * 20, "ä" * 43])
def test_keys_that_are_none_are_a_mistake_and_not_everybodys(keys: str) -> None:
    with pytest.raises(SettingsError, match="CLOSECAST_MODEL_PUBLIC_KEYS is not usable"):
        RegistrySettings.from_environment({**HERE, "CLOSECAST_MODEL_PUBLIC_KEYS": keys})
    assert RegistrySettings.from_environment(HERE).trusted is None


def test_a_private_key_is_not_quoted_by_the_error() -> None:
    key = secrets.token_urlsafe(31)
    with pytest.raises(SettingsError, match="CLOSECAST_MODEL_SIGNING_KEY is not usable") as caught:
        signer({"CLOSECAST_MODEL_SIGNING_KEY": key})
    assert key not in str(caught.value)
    with pytest.raises(SettingsError, match="CLOSECAST_MODEL_SIGNING_KEY is not set"):
        signer({})
