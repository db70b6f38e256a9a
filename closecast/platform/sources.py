"""Where an export comes from: the synthetic generator, or a CSV file that the user names."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from closecast.deals import synthetic

SYNTHETIC_ROWS = 8_000
_EXPECTED = "expected synthetic, synthetic:<rows> or file:<path to a CSV export>"


class SourceError(ValueError):
    """The source named by the user does not exist or cannot be read as an export."""


@dataclass(frozen=True)
class RawExport:
    """An export as received: text columns, missing values as empty text; `sha256` is that of the CSV's bytes."""

    frame: pd.DataFrame
    spec: str
    sha256: str

    @property
    def name(self) -> str:
        """The source without the user's folders: "synthetic", "file:sales.csv"."""
        kind, _, rest = self.spec.partition(":")
        return f"file:{Path(rest).name}" if kind == "file" else self.spec


def read_source(spec: str, seed: int = 7) -> RawExport:
    """Read the export that `spec` names; `seed` is the synthetic generator's.

    Raises SourceError for an unknown kind of source, a file that is not there, is a folder, cannot be opened, is
    empty, or is not CSV in UTF-8.
    """
    kind, _, rest = spec.partition(":")
    if kind == "synthetic":
        frame = synthetic.generate(_rows(spec, rest), seed)
        return RawExport(frame, spec, hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest())
    if kind == "file" and rest:
        return _read_csv(spec, Path(rest))
    raise SourceError(f"unknown source {spec!r}; {_EXPECTED}")


def _rows(spec: str, text: str) -> int:
    if not text and ":" not in spec:
        return SYNTHETIC_ROWS
    if not text.isdecimal() or int(text) < 1:
        raise SourceError(f"{spec!r} asks for {text!r} synthetic rows; expected a number of 1 or more")
    return int(text)


def _read_csv(spec: str, path: Path) -> RawExport:
    if not path.is_absolute():
        raise SourceError(f"{spec!r} is not an absolute path; flows run in a folder of their own: write file:/...")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {path}; check the path after file:") from error
    except IsADirectoryError as error:
        example = path / "sales_pipeline.csv"
        raise SourceError(f"{path} is a folder; expected a CSV export, for example {example}") from error
    except OSError as error:
        raise SourceError(f"the file {path} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise SourceError(f"the file {path} is empty; expected a header and one row per deal")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"the file {path} is not UTF-8 text (byte {error.start}); export it as CSV in UTF-8"
        ) from error
    try:
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SourceError(f"the file {path} is not a CSV table: {' '.join(str(error).split())}") from error
    if "\0" in text:
        raise SourceError(f"the file {path} holds zero bytes; expected CSV in UTF-8")
    return RawExport(frame, spec, hashlib.sha256(content).hexdigest())
