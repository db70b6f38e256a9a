"""Which model: a version of the registry told apart from all others, and its copy on this machine."""

from dataclasses import dataclass
from pathlib import Path

from closecast.models.deal_model import DealModel, ModelError, digest

MODEL_NAME = "closecast"


@dataclass(frozen=True)
class Identity:
    """Which model a version of the registry is.

    Its number alone does not say: a registered model that was deleted and made anew counts from 1 again. Runs are unique.
    """

    version: str
    run_id: str
    sha256: str | None = None  # of its files (closecast.models.deal_model.digest); None where the registry does not say

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
    """Neither run nor hash ever stands for another model; the version's number does."""
    return "-".join(filter(None, (MODEL_NAME, identity.run_id, (identity.sha256 or "")[:16])))


def read(identity: Identity, folder: Path) -> Served:
    """The model in `folder` of this machine, which must be that of `identity`. Raises ModelError when it is not, or is damaged."""
    found = digest(folder)
    if identity.sha256 not in (None, found):
        raise ModelError(
            f"the copy of {identity} in {folder} is damaged: its SHA-256 is not the one that was registered"
        )
    return Served(Identity(identity.version, identity.run_id, found), DealModel.load(folder), folder)
