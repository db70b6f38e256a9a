"""Copies of registered models on this machine: fetched, verified, and kept with their signatures."""

import hashlib
import os
from pathlib import Path

from closecast.models.deal_model import ModelError
from closecast.models.manifest import LARGEST, MANIFEST, Manifest, verified
from closecast.platform.mlflow.http import LostError, MlflowHttp
from closecast.platform.mlflow.identity import MODEL_NAME, Identity
from closecast.platform.runtime.files import write_whole
from closecast.platform.signatures import TrustedKeys, UnsignedError

MODEL_FOLDER = "model"  # artifact folder of the model that serves


def fetch(
    http: MlflowHttp,
    trusted: TrustedKeys | None,
    model: Identity,
    source: tuple[str, str],
    target: Path,
    needed: tuple[str, ...],
    wanted: str | None,
) -> None:
    """Fetch the files `needed` of `source`, a run's artifact URI and a folder of it, into `target`, and verify them.

    The manifest comes first, and limits the files' names and sizes. `wanted` is its SHA-256, None where it is not
    known; `trusted` signs the model folder's.

    Raises ModelError for files that cannot be verified, and LostError for those that are not the registered ones.
    """
    artifact_uri, folder = source
    # A signed model has a manifest: without one it is lost.
    names = http.stored_artifacts(artifact_uri, folder, (*needed, MANIFEST) if model.signature else needed)
    if MANIFEST not in names:
        raise ModelError(
            f"the folder {folder}/ of {model} has no {MANIFEST}: it was made by an earlier version of Closecast, or by hand: "
            "train anew (`just up` does so by itself)"
        )
    written = http.artifact(artifact_uri, folder, MANIFEST, LARGEST)
    target.mkdir(parents=True, exist_ok=True)
    (target / MANIFEST).write_bytes(written)
    found = hashlib.sha256(written).hexdigest()
    try:
        if wanted not in (None, found):
            raise ModelError(f"the SHA-256 of {MANIFEST} is {found[:16]}…, and {wanted[:16]}… is expected")
        if folder == MODEL_FOLDER and trusted is not None:
            trusted.check(MODEL_NAME, model.run_id, found, model.signature)
        manifest = Manifest.from_json(written)
        if added := sorted(set(names) - set(manifest.files) - {MANIFEST}):
            raise ModelError(f"{', '.join(added)} is not in {MANIFEST}: it is no part of the model")
        for name in needed:
            entry = manifest.files.get(name)
            if entry is not None:  # else `verified` says so
                content = http.artifact(artifact_uri, folder, name, entry.size)
                (target / name).write_bytes(content)
        verified(target, needed)
    except ModelError as error:
        if wanted is None or isinstance(error, UnsignedError):
            raise
        raise LostError(f"the artifacts of {model} are not those that were registered: {error}") from error


def move_into_place(partial: Path, folder: Path) -> None:
    """Move the copy into place, unless another process of this machine was faster."""
    try:
        os.rename(partial, folder)  # noqa: PTH104 - Path.rename documents nothing about a target folder that exists
    except OSError:
        if not folder.exists():
            raise


def signature_file(folder: Path) -> Path:
    """The file with the signature of a copy, beside it."""
    return folder.with_name(f"{folder.name}.signature")


def keep_signature(folder: Path, signature: str) -> None:
    """Keep the signature of the copy in `folder`, beside it."""
    file = signature_file(folder)
    if not file.exists() or file.read_text() != signature:
        write_whole(file, signature)
