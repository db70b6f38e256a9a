"""Read an export from its source: the synthetic generator, a file, an S3 object, or Kaggle."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import msgspec
import pandas as pd

from closecast.deals.mapping.document import FileFormat
from closecast.deals.mapping.document import Mapping as ColumnMapping
from closecast.deals.pseudonyms import Pseudonymiser
from closecast.deals.reading.table import RawTable
from closecast.deals.synthetic import generator
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.folder import contents_of, read_files
from closecast.platform.sources.mapped import DETECTED, MappedTable, check_size, mapped, read_table
from closecast.platform.sources.objects import read_object, read_objects

__all__ = ["RawExport", "SourceError", "read_source"]

SYNTHETIC_ROWS = 8_000
KAGGLE_DATASET = "innocentmfa/crm-sales-opportunities"
KAGGLE_FILE = "sales_pipeline.csv"
_EXPECTED = (
    "expected synthetic, synthetic:<rows>, file:<path to a CSV, Excel or Parquet export, or a folder of them>, s3://<bucket>/<key or folder/>, "
    "kaggle or kaggle:<owner>/<dataset>"
)


@dataclass(frozen=True)
class RawExport:
    """An export in the contract's columns, text, missing values as empty text; `sha256` is that of the source's bytes."""

    frame: pd.DataFrame
    spec: str
    sha256: str
    read: MappedTable | None = None  # None for made-up data, which were never written
    pseudonymised: tuple[str, ...] = ()  # columns of `frame` that hold pseudonyms
    changes: str = ""  # a hash of what pseudonyms replaced in `frame`; empty if nothing

    @property
    def fingerprint(self) -> bytes:
        """Of the bytes, of what the columns were taken for, and of the pseudonyms."""
        mapping = self.read.mapping if self.read else None
        rules = b"" if mapping is None else msgspec.json.encode(mapping, order="sorted")
        return hashlib.sha256(self.sha256.encode() + rules + self.changes.encode()).digest()

    @property
    def set_aside(self) -> int:
        """How many rows of the file are no deals."""
        return len(self.read.set_aside) if self.read else 0

    @property
    def fiscal_year_start(self) -> int | None:
        """The first month of the fiscal year, where the mapping says it."""
        return self.read.mapping.fiscal_year_start if self.read and self.read.mapping else None

    def describe(self) -> str:
        """One line: how the export was read and mapped; empty for made-up data."""
        return self.read.describe() if self.read else ""

    @property
    def name(self) -> str:
        """The source without folders: "synthetic", "file:sales.csv", "s3:sales.csv", "kaggle:<owner>/<dataset>"."""
        kind, _, rest = self.spec.partition(":")
        if kind == "kaggle":
            return f"kaggle:{rest or KAGGLE_DATASET}"
        return f"{kind}:{PurePosixPath(rest).name}" if kind in ("file", "s3") else self.spec


def read_source(
    spec: str,
    seed: int = 7,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    mapping: ColumnMapping | None = None,
    pseudonyms: Pseudonymiser | None = None,
) -> RawExport:
    """Read the export that `spec` names; there is no fallback to another source.

    `seed` is the synthetic generator's; `environment` holds what S3 and Kaggle need (object_source, kaggle_source);
    what a broken download from Kaggle left in `folder` is continued there. Without `mapping` the export is taken as it
    is where it has the contract's columns, else by the mapping that fits it with certainty. `pseudonyms` replaces values
    that were forgotten, and those of the mapping's columns `pseudonymise`.
    Raises MappingNeededError where none does, and SourceError for an unknown kind of source, and one that is not there,
    cannot be reached or read, or does not fit the mapping.
    """
    kind, _, rest = spec.partition(":")
    if kind == "synthetic":
        frame = generator.generate(_rows(spec, rest), seed)
        made = RawExport(frame, spec, hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest())
        return _pseudonymised(made, pseudonyms, ())
    table, what, sha256 = read_raw(spec, environment, folder, mapping.file if mapping else DETECTED)
    read = mapped(table, what, mapping)
    return _pseudonymised(
        RawExport(read.frame, spec, sha256, read), pseudonyms, mapping.pseudonymise if mapping else ()
    )


def _pseudonymised(export: RawExport, pseudonyms: Pseudonymiser | None, columns: tuple[str, ...]) -> RawExport:
    """`export` as it is stored."""
    if pseudonyms is None:
        if columns:
            raise SourceError(
                f"the mapping pseudonymises {', '.join(columns)}, and this process has no key for that: run `just up`"
            )
        return export
    if not (columns or pseudonyms.forgotten):
        return export
    frame = pseudonyms.frame(export.frame, columns)
    read = export.read and replace(export.read, frame=frame)
    content = frame.to_csv(index=False).encode("utf-8", "surrogatepass")
    return replace(export, frame=frame, read=read, pseudonymised=columns, changes=hashlib.sha256(content).hexdigest())


def read_raw(
    spec: str,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    written: FileFormat = DETECTED,
) -> tuple[RawTable, str, str]:
    """The table of the export that `spec` names, what to call it in a message, and its SHA-256.

    `written` says what would be detected wrongly. Raises SourceError.
    """
    kind, _, rest = spec.partition(":")
    if kind == "file" and _is_folder(Path(rest)):
        what = f"the folder {rest}"
        try:
            contents = contents_of(Path(rest))
        except OSError as error:
            raise SourceError(f"{what} cannot be read: {error.strerror}") from error
        table, sha256 = read_files(contents, what, written)
        return table, what, sha256
    if kind == "s3" and spec.endswith("/"):
        what = f"the folder {spec}"
        table, sha256 = read_files(read_objects(spec, environment), what, written)
        return table, what, sha256
    content, what = _read_bytes(spec, environment, folder)
    return read_table(content, what, written), what, hashlib.sha256(content).hexdigest()


def _read_bytes(spec: str, environment: Mapping[str, str], folder: Path | None) -> tuple[bytes, str]:
    """The bytes of the export that `spec` names, and what to call it in a message. Raises SourceError."""
    kind, colon, rest = spec.partition(":")
    if kind == "file" and rest:
        return _read_file(spec, Path(rest)), f"the file {rest}"
    if kind == "s3":
        return read_object(spec, environment), f"the object {spec}"
    if kind == "kaggle" and (rest or not colon):
        # Kaggle's client takes half a second to import, and other sources don't need it.
        from closecast.platform.sources.kaggle import fetch

        dataset = rest or KAGGLE_DATASET
        return fetch(dataset, KAGGLE_FILE, environment, folder), f"Kaggle's file {KAGGLE_FILE} of {dataset}"
    raise SourceError(f"unknown source {spec!r}; {_EXPECTED}")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_absolute() and path.is_dir()
    except OSError:  # a name that no file can have, which reading it tells
        return False


def _rows(spec: str, text: str) -> int:
    if not text and ":" not in spec:
        return SYNTHETIC_ROWS
    if not text.isdecimal() or int(text) < 1:
        raise SourceError(f"{spec!r} asks for {text!r} synthetic rows; expected a number of 1 or more")
    return int(text)


def _read_file(spec: str, path: Path) -> bytes:
    if not path.is_absolute():
        raise SourceError(f"{spec!r} is not an absolute path; flows run in a folder of their own: write file:/...")
    try:
        check_size(path.stat().st_size, f"the file {path}")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {path}; check the path after file:") from error
    except OSError as error:
        raise SourceError(f"the file {path} cannot be read: {error.strerror}") from error
