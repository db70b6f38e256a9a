"""Which model: a version of the registry told apart from all others, and its copy on this machine."""

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
    """Which model a version of the registry is.

    Its number alone does not say: a registered model that was deleted and made anew counts from 1 again. Runs are unique.
    """

    version: str
    run_id: str
    sha256: str | None = None  # of its manifest; None where the registry does not say
    signature: str | None = field(default=None, compare=False, repr=False)  # likewise; closecast.platform.signatures

    def is_same(self, other: "Identity") -> bool:
        """Whether both are one model, as far as both tell."""
        known = self.sha256 is not None and other.sha256 is not None
        return (self.version, self.run_id) == (other.version, other.run_id) and (
            not known or self.sha256 == other.sha256
        )

    def __str__(self) -> str:
        return f"version {self.version} (run {self.run_id[:8] or 'unknown'})"


@dataclass(frozen=True)
class Served:
    """One version of the registered model, ready to predict, and the folder of this machine it was read from."""

    identity: Identity  # with its hash
    model: DealModel
    folder: Path

    @property
    def version(self) -> str:
        """The number; see Identity for what it is worth."""
        return self.identity.version


def folder_name(identity: Identity) -> str:
    """Neither run nor hash ever stands for another model; the version's number does.

    Raises ModelError for a run or a hash that could lead out of the folder that copies are kept in.
    """
    parts = (identity.run_id, (identity.sha256 or "")[:16])
    for part in parts:
        if not re.fullmatch(r"[0-9A-Za-z_-]{0,64}", part):
            raise ModelError(f"{part[:80]!r} is neither a run of MLflow nor a hash")
    return "-".join(filter(None, (MODEL_NAME, *parts)))


def read(identity: Identity, folder: Path, trusted: TrustedKeys | None = None) -> Served:
    """The model in `folder` of this machine, which must be that of `identity`, signed by a key of `trusted` if there are any.

    Its files are compared with its manifest, and tried in another process if they have not been on this machine; only then
    are they loaded here. Raises ModelError for what is another model, damaged, unsigned, or cannot be loaded.
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
