"""The manifest of a model's folder: the size and SHA-256 of each file. Other files do not belong there.

Its own SHA-256 stands for the model wherever one is named, and is what is signed (closecast.platform.signatures): a
hash stored beside what it protects detects damage, but not forgery.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "manifest.json"
LARGEST = 1_000_000  # bytes of a manifest; one of 60 files has 8,000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20


class ModelError(ValueError):
    """A model folder is incomplete or damaged, or was made for other features than this version builds."""


@dataclass(frozen=True)
class Entry:
    """The expected size and SHA-256 of a file."""

    size: int  # bytes
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "Entry":
        return cls(len(content), hashlib.sha256(content).hexdigest())

    def check(self, name: str, found: "Entry") -> None:
        """Raise ModelError naming the file when `found` differs."""
        if found.size != self.size:
            raise ModelError(f"{name} is damaged: it has {found.size} bytes, and the manifest says {self.size}")
        if found.sha256 != self.sha256:
            raise ModelError(f"{name} is damaged: its SHA-256 is not the one in the manifest")


@dataclass(frozen=True)
class Manifest:
    """The files of one folder by their path in it, and the folders beside it that belong to the same model."""

    files: Mapping[str, Entry]
    beside: Mapping[str, str]  # name of the folder: SHA-256 of its own manifest

    def to_json(self) -> str:
        files = {name: {"size": entry.size, "sha256": entry.sha256} for name, entry in sorted(self.files.items())}
        return json.dumps({"files": files, "beside": dict(sorted(self.beside.items()))}, indent=1)

    @classmethod
    def from_json(cls, content: bytes) -> "Manifest":
        """Read what `to_json` wrote. Raises ModelError for anything else."""
        if len(content) > LARGEST:
            raise ModelError(f"{MANIFEST} is damaged: it has more than {LARGEST} bytes")
        try:
            decoded: Any = json.loads(content.decode())
            files = {name: Entry(entry["size"], entry["sha256"]) for name, entry in decoded["files"].items()}
            made = cls(files, dict(decoded["beside"]))
            written = made.to_json()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{MANIFEST} is damaged: {type(error).__name__}: {error}") from error
        if written.encode() != content:
            raise ModelError(f"{MANIFEST} is damaged: it is not written as a manifest is")
        for name, entry in files.items():
            _require_inside(name)
            if type(entry.size) is not int or entry.size < 0:
                raise ModelError(f"{MANIFEST} is damaged: {name} has the size {entry.size!r}")
        for name, sha256 in [(name, entry.sha256) for name, entry in files.items()] + list(made.beside.items()):
            if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
                raise ModelError(f"{MANIFEST} is damaged: {name} has the SHA-256 {sha256!r}")
        return made


def write(folder: Path, beside: Mapping[str, str] | None = None) -> None:
    """Write the manifest of all files in `folder`; `beside` gives the manifest's SHA-256 of each folder that belongs to it.

    Raises ModelError for what is neither a file nor a folder.
    """
    found = {name: Entry.of((folder / name).read_bytes()) for name in _names(folder)}
    (folder / MANIFEST).write_text(Manifest(found, beside or {}).to_json())


def digest(folder: Path) -> str:
    """SHA-256 of the manifest in `folder`, 64 hexadecimal digits, which identifies the model.

    Raises ModelError without one.

    It stands for the files only where `verified` has compared them.
    """
    return hashlib.sha256(_manifest(folder)).hexdigest()


def verified(
    folder: Path,
    needed: Collection[str],
    sha256: str | None = None,
    besides: Callable[[str], bool] = lambda _name: False,
) -> dict[str, bytes]:
    """Compare every file in `folder` with the manifest and return the content of the files `needed`.

    A copy may lack files that are not `needed`. `sha256` is the manifest's own, where it is known. Files that are not
    in the manifest are refused unless `besides` allows them. Raises ModelError naming the file.
    """
    written = _manifest(folder)
    if sha256 is not None and hashlib.sha256(written).hexdigest() != sha256:
        raise ModelError(f"the model in {folder} is damaged: {MANIFEST} has another SHA-256 than was registered")
    try:
        manifest = Manifest.from_json(written)
        present = _names(folder)
        for name in needed:
            if name not in manifest.files:
                raise ModelError(f"{MANIFEST} does not name {name}, which every model has")
            if name not in present:
                raise ModelError(f"{name} is missing")
        kept: dict[str, bytes] = {}
        for name in present:
            if name not in manifest.files:
                if besides(name):
                    continue
                raise ModelError(f"{name} is not in {MANIFEST}: it is no part of the model")
            if name in needed:
                kept[name] = (folder / name).read_bytes()
                found = Entry.of(kept[name])
            else:
                found = _entry(folder / name)
            manifest.files[name].check(name, found)
    except OSError as error:
        raise ModelError(f"the model in {folder} cannot be read: {error}") from error
    except ModelError as error:
        raise ModelError(f"the model in {folder} cannot be used: {error}") from error
    return kept


def _manifest(folder: Path) -> bytes:
    file = folder / MANIFEST
    try:
        if file.is_symlink():
            raise ModelError(f"{file} is a link; expected a file")
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise ModelError(
            f"the model in {folder} has no {MANIFEST}: its files cannot be checked, or it was made by an earlier version "
            "of Closecast: train anew (`just up` does so by itself)"
        ) from error
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror or error}") from error


def _names(folder: Path) -> list[str]:
    """The paths of all files below `folder` except the manifest.

    Raises ModelError for anything but files and folders.
    """
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ModelError(f"{name} is neither a file nor a folder")
        if path.is_file() and name != MANIFEST:
            found.append(name)
    return sorted(found)


def _entry(file: Path) -> Entry:
    whole, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            whole.update(piece)
            size += len(piece)
    return Entry(size, whole.hexdigest())


def _require_inside(name: str) -> None:
    """Raise ModelError unless `name` is a normalised path inside the folder."""
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "/".join(parts) != name or set(name) & {"\\", "\0"}:
        raise ModelError(f"{MANIFEST} is damaged: {name!r} is no path in the model's folder")
    if name == MANIFEST:
        raise ModelError(f"{MANIFEST} is damaged: it names itself")
