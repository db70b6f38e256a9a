"""Read an export from its source: the synthetic generator, a file, an S3 object, or Kaggle."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from closecast.deals.synthetic import generator
from closecast.platform.sources.objects import read_object
from closecast.platform.sources.table import SourceError, table

__all__ = ["RawExport", "SourceError", "read_source"]

SYNTHETIC_ROWS = 8_000
KAGGLE_DATASET = "innocentmfa/crm-sales-opportunities"
KAGGLE_FILE = "sales_pipeline.csv"
_EXPECTED = (
    "expected synthetic, synthetic:<rows>, file:<path to a CSV or Parquet export>, s3://<bucket>/<key>, "
    "kaggle or kaggle:<owner>/<dataset>"
)


@dataclass(frozen=True)
class RawExport:
    """An export as received: text columns, missing values as empty text; `sha256` is that of the file's bytes."""

    frame: pd.DataFrame
    spec: str
    sha256: str

    @property
    def name(self) -> str:
        """The source without folders: "synthetic", "file:sales.csv", "s3:sales.csv", "kaggle:<owner>/<dataset>"."""
        kind, _, rest = self.spec.partition(":")
        if kind == "kaggle":
            return f"kaggle:{rest or KAGGLE_DATASET}"
        return f"{kind}:{PurePosixPath(rest).name}" if kind in ("file", "s3") else self.spec


def read_source(
    spec: str, seed: int = 7, environment: Mapping[str, str] = os.environ, folder: Path | None = None
) -> RawExport:
    """Read the export that `spec` names; there is no fallback to another source.

    `seed` is the synthetic generator's; `environment` holds what S3 and Kaggle need (object_source, kaggle_source);
    what a broken download from Kaggle left in `folder` is continued there.
    Raises SourceError for an unknown kind of source, and one that is not there, cannot be reached or read, is empty,
    or is neither CSV in UTF-8 nor Parquet.
    """
    kind, colon, rest = spec.partition(":")
    if kind == "synthetic":
        frame = generator.generate(_rows(spec, rest), seed)
        return RawExport(frame, spec, hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest())
    if kind == "file" and rest:
        return _export(spec, _read_file(spec, Path(rest)), f"the file {rest}", rest)
    if kind == "s3":
        return _export(spec, read_object(spec, environment), f"the object {spec}", rest)
    if kind == "kaggle" and (rest or not colon):
        # Kaggle's client takes half a second to import, and other sources don't need it.
        from closecast.platform.sources.kaggle import fetch

        dataset = rest or KAGGLE_DATASET
        content = fetch(dataset, KAGGLE_FILE, environment, folder)
        return _export(spec, content, f"Kaggle's file {KAGGLE_FILE} of {dataset}", KAGGLE_FILE)
    raise SourceError(f"unknown source {spec!r}; {_EXPECTED}")


def _export(spec: str, content: bytes, what: str, name: str) -> RawExport:
    return RawExport(table(content, what, name), spec, hashlib.sha256(content).hexdigest())


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
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {path}; check the path after file:") from error
    except IsADirectoryError as error:
        example = path / "sales_pipeline.csv"
        raise SourceError(f"{path} is a folder; expected a CSV or Parquet export, for example {example}") from error
    except OSError as error:
        raise SourceError(f"the file {path} cannot be read: {error.strerror}") from error
