"""The identity of a registered model version, and its copy on this machine."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from closecast.models import manifest
from closecast.models.deal_model import FILES, DealModel, ModelError, digest
from closecast.platform.mlflow import smoke_test
from closecast.platform.signatures import TrustedKeys

MODEL_NAME = "closecast"


@dataclass(frozen=True)
class Identity:
    """The identity of a registered model version.

    The number alone is not enough: a registered model that was deleted and recreated counts from 1 again. Runs are
    unique.
    """

    version: str
    run_id: str
    sha256: str | None = None  # of its manifest; None if the registry does not have it
    signature: str | None = field(default=None, compare=False, repr=False)  # see closecast.platform.signatures

    def is_same(self, other: "Identity") -> bool:
        """Whether both are the same model, as far as both are known."""
        known = self.sha256 is not None and other.sha256 is not None
        return (self.version, self.run_id) == (other.version, other.run_id) and (
            not known or self.sha256 == other.sha256
        )

    def __str__(self) -> str:
        return f"version {self.version} (run {self.run_id[:8] or 'unknown'})"


@dataclass(frozen=True)
class Served:
    """A loaded version of the registered model, and its local folder."""

    identity: Identity  # with its hash
    model: DealModel
    folder: Path

    @property
    def version(self) -> str:
        """The version's number, which is not unique (see Identity)."""
        return self.identity.version


def folder_name(identity: Identity) -> str:
    """The folder name of a copy: run and hash, which are unique, unlike the version's number.

    Raises ModelError for a run or a hash that could lead out of the folder of copies.
    """
    parts = (identity.run_id, (identity.sha256 or "")[:16])
    for part in parts:
        if not re.fullmatch(r"[0-9A-Za-z_-]{0,64}", part):
            raise ModelError(f"{part[:80]!r} is neither a run of MLflow nor a hash")
    return "-".join(filter(None, (MODEL_NAME, *parts)))


def read(identity: Identity, folder: Path, trusted: TrustedKeys | None = None) -> Served:
    """Load the model in the local `folder`, which must be that of `identity`, signed by a key of `trusted` if there are any.

    Its files are compared with its manifest, and loaded in another process first unless this machine has done so
    before. Raises ModelError for a model that is another one, damaged, unsigned, or cannot be loaded.
    """
    found = digest(folder)
    if identity.sha256 not in (None, found):
        raise ModelError(
            f"the copy of {identity} in {folder} is damaged: its SHA-256 is not the one that was registered"
        )
    if trusted is not None:
        trusted.check(MODEL_NAME, identity.run_id, found, identity.signature)
    manifest.verified(folder, FILES, found)
    smoke_test.run(folder, marker=folder.with_name(f"{folder.name}.tried"))
    known = Identity(identity.version, identity.run_id, found, identity.signature)
    return Served(known, DealModel.load(folder, found), folder)
