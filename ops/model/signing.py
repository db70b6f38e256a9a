"""Model signatures: the commands `sign-model <version>` and `model-key-rotate [forget]`, and the champion's signature."""

import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ops.cli.arguments import Arguments
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import connect
from ops.setup.credentials import Credentials


def unsigned(champion: Mapping[str, Any], credentials: Credentials) -> str | None:
    """The reason why services would not load this version, None when its signature is valid."""
    from closecast.models.manifest import ModelError
    from closecast.platform.mlflow.registry import DIGEST_TAG, MODEL_NAME
    from closecast.platform.signatures import SIGNATURE_TAG, TrustedKeys

    tags = {tag["key"]: tag["value"] for tag in champion.get("tags", [])}
    trusted = TrustedKeys.from_text(credentials.model_public_keys())
    try:
        trusted.check(MODEL_NAME, champion["run_id"], tags.get(DIGEST_TAG, ""), tags.get(SIGNATURE_TAG))
    except ModelError as error:
        return str(error).partition(":")[0]  # without the remedy, which the caller carries out
    return None


def sign(arguments: list[str]) -> int:
    """Sign a version that you trust, after its files have been verified and smoke-tested."""
    version = Arguments("sign-model", sign.__doc__).place("version", "its number in MLflow").given(arguments).version
    if not (version.isascii() and version.isdecimal()):
        raise OperatorError(
            "sign-model takes the number of a version", "write `just sign-model <version>`; MLflow lists them"
        )
    session = connect()
    print(signed(version, jobs.address(session.cluster, "mlflow"), session.credentials))
    return 0


def signed(version: str, mlflow: str, credentials: Credentials) -> str:
    """Sign `version` of the registry at `mlflow`, and describe it.

    Raises OperatorError when the model cannot be used.
    """
    from closecast.models.manifest import ModelError
    from closecast.platform.mlflow.registry import ModelRegistry, RegistryError
    from closecast.platform.signatures import Signer

    registry = ModelRegistry(mlflow, login=credentials.mlflow_login)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            served = registry.served(registry.identity(version), Path(scratch))
        registry.sign(served.identity, Signer.from_text(credentials.model_signing_key))
    except (RegistryError, ModelError) as error:
        raise OperatorError(
            f"version {version} is not signed: {error}",
            "sign only an intact version that you trust, or train a new one: `just train`",
        ) from error
    card = served.model.card
    return (
        f"signed: {served.identity}, trained {card.trained_at} on {card.source}, manifest {served.identity.sha256}; "
        "services load it from now on, within a minute where they have refused it"
    )


def rotate(arguments: list[str]) -> int:
    """Sign models with a new key from now on; with `forget`, no longer trust former keys."""
    given = Arguments("model-key-rotate", rotate.__doc__).place("forget", "the word itself", "?").given(arguments)
    if given.forget not in (None, "forget"):
        raise OperatorError(f"{given.forget!r} is not the word `forget`", "write `just model-key-rotate [forget]`")
    credentials = Credentials.load()
    if given.forget:
        replace(credentials, model_former_keys="").save()
        print(
            "models that former keys have signed are trusted no more once `just up` has run; it trains a new champion if the "
            "present one is such a model"
        )
        return 0
    former = credentials.model_public_keys()
    replace(credentials, model_signing_key=secrets.token_urlsafe(32), model_former_keys=former).save()
    print(
        "a new key signs models once `just up` has run; what former keys have signed is served on until "
        "`just model-key-rotate forget`, at once if a key was stolen, else after the next promotion"
    )
    return 0
