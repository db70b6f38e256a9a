"""The lake: content-addressed Parquet in one S3 bucket, under bronze/, silver/, quarantine/ and gold/."""

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileSystem, FileType

from closecast.platform.object_store import object_store
from closecast.platform.runtime.retry import AwayError
from closecast.platform.settings import LakeSettings

_PART = 8_000_000  # bytes

Layer = Literal["bronze", "silver", "quarantine", "gold"]


class LakeError(RuntimeError):
    """The lake cannot be reached, or does not have the object."""


class LakeAwayError(LakeError, AwayError):
    """The lake did not answer, or refused: a later attempt may succeed."""


class Lake:
    """Reads and writes frames in the bucket that `settings` names. Safe from several threads."""

    def __init__(self, settings: LakeSettings, files: FileSystem | None = None) -> None:
        """`files` is the file system with the bucket, by default the object store of `settings`."""
        self._settings = settings
        self._files = files or object_store(settings)

    def put_parquet(self, layer: Layer, frame: pd.DataFrame) -> str:
        """Store `frame` and return its key, `<layer>/<SHA-256 of the Parquet bytes>.parquet`.

        The same frame gives the same key and is not written again. Raises LakeError.
        """
        content = parquet_bytes(frame)
        key = f"{layer}/{hashlib.sha256(content).hexdigest()}.parquet"
        try:
            if self._files.get_file_info(self._path(key)).type == FileType.NotFound:
                with self._files.open_output_stream(self._path(key)) as stream:
                    stream.write(content)
        except OSError as error:
            raise self._unreachable("write", key, error) from error
        return key

    def put_parts(self, layer: Layer, parts: Iterable[pd.DataFrame]) -> str:
        """Store frames with the same columns as one, and return its key; no more than two are in memory at once.

        The same frames give the same key. Raises LakeError, and ValueError when there is no frame.
        """
        tables = (pa.Table.from_pandas(part, preserve_index=False) for part in parts)
        first = next(tables, None)
        if first is None:
            raise ValueError(f"there is no frame to store in {layer}/; expected one or more")
        with tempfile.TemporaryFile() as scratch:
            with pq.ParquetWriter(scratch, first.schema, compression="zstd") as writer:
                for table in chain([first], tables):
                    writer.write_table(table)
            scratch.seek(0)
            key = f"{layer}/{hashlib.file_digest(scratch, 'sha256').hexdigest()}.parquet"
            self._copy(scratch, key)
        return key

    def read_parquet(self, key: str) -> pd.DataFrame:
        """Read the frame under `key`. Raises LakeError when it is absent or its content has changed."""
        try:
            with self._files.open_input_stream(self._path(key)) as stream:
                content = stream.read()
        except FileNotFoundError as error:
            raise LakeError(f"the lake's bucket {self._settings.bucket} holds no object {key}: train anew") from error
        except OSError as error:
            raise self._unreachable("read", key, error) from error
        if hashlib.sha256(content).hexdigest() not in key:
            raise LakeError(f"the object {key} in the lake's bucket {self._settings.bucket} is not what was stored")
        frame: pd.DataFrame = pq.read_table(io.BytesIO(content)).to_pandas()
        return frame

    def put_text(self, key: str, text: str) -> None:
        """Store `text` in UTF-8 under `key`, replacing what is there. Raises LakeError."""
        try:
            with self._files.open_output_stream(self._path(key)) as stream:
                stream.write(text.encode())
        except OSError as error:
            raise self._unreachable("write", key, error) from error

    def read_text(self, key: str) -> str | None:
        """Read the text under `key`, None if absent.

        Raises LakeError when the lake is out of reach, or its bucket gone.
        """
        try:
            with self._files.open_input_stream(self._path(key)) as stream:
                return str(stream.read().decode())
        except FileNotFoundError as error:
            if self._has_bucket():
                return None
            raise self._unreachable("read", key, error) from error
        except OSError as error:
            raise self._unreachable("read", key, error) from error

    def delete(self, key: str) -> None:
        """Delete the object under `key`; one that is not there is fine. Raises LakeError."""
        try:
            self._files.delete_file(self._path(key))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unreachable("delete", key, error) from error

    def has(self, key: str) -> bool:
        """Whether there is an object `key`. Raises LakeError."""
        try:
            found = self._files.get_file_info(self._path(key))
        except OSError as error:
            raise self._unreachable("read", key, error) from error
        return bool(found.type == FileType.File)

    def keys(self, prefix: str) -> dict[str, int]:
        """Keys below the folder `prefix`, in order, with their sizes in bytes. Raises LakeError."""
        try:
            found = self._files.get_file_info(FileSelector(self._path(prefix), recursive=True, allow_not_found=True))
        except OSError as error:
            raise self._unreachable("list", prefix, error) from error
        start = len(self._settings.bucket) + 1
        return {
            one.path[start:]: one.size for one in sorted(found, key=lambda one: one.path) if one.type == FileType.File
        }

    @contextmanager
    def opened(self, key: str) -> Iterator[Any]:
        """Open the object under `key` for random access. Raises LakeError."""
        try:
            with self._files.open_input_file(self._path(key)) as file:
                yield file
        except FileNotFoundError as error:
            raise LakeError(f"the lake's bucket {self._settings.bucket} holds no object {key}") from error
        except OSError as error:
            raise self._unreachable("read", key, error) from error

    @contextmanager
    def fetched(self, key: str) -> Iterator[Any]:
        """Download the object under `key` to a local file for random access. Raises LakeError.

        Errors inside the block come from the object's content, not from the lake.
        """
        with tempfile.TemporaryFile() as scratch:
            with self.opened(key) as file:
                while part := file.read(_PART):
                    scratch.write(part)
            scratch.seek(0)
            yield scratch

    @contextmanager
    def writing(self, key: str) -> Iterator[Any]:
        """Open a stream whose bytes become the object under `key` if the block succeeds.

        It goes to a temporary file first: closing the stream after a failure would publish half of it. Raises
        LakeError.
        """
        with tempfile.TemporaryFile() as scratch:
            yield scratch
            self._copy(scratch, key)

    def _copy(self, file: IO[bytes], key: str) -> None:
        """Upload the content of `file` to `key`."""
        file.seek(0)
        try:
            with self._files.open_output_stream(self._path(key)) as stream:
                while part := file.read(_PART):
                    stream.write(part)
        except OSError as error:
            raise self._unreachable("write", key, error) from error

    def _has_bucket(self) -> bool:
        """Whether the bucket exists: a store that has just restarted may lack it."""
        try:
            return bool(self._files.get_file_info(self._settings.bucket).type != FileType.NotFound)
        except OSError:
            return False

    def _path(self, key: str) -> str:
        return f"{self._settings.bucket}/{key}"

    def _unreachable(self, verb: str, key: str, error: OSError) -> LakeAwayError:
        where = self._settings.endpoint or f"AWS S3 in {self._settings.region}"
        return LakeAwayError(f"cannot {verb} {key} in the lake's bucket {self._settings.bucket} at {where}: {error}")


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """`frame` as Parquet, without its index: the same frame gives the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer, compression="zstd")
    return buffer.getvalue()
