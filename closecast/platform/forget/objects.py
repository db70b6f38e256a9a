"""The room of the object store: the lake's layers, the archive of predictions, artifacts, and older versions of objects."""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pyarrow.compute as pc
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from closecast.platform.forget import contents
from closecast.platform.forget.contents import FixedError, UnreadableError
from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.places import ARTIFACTS, LAKE, OLDER, OTHERS
from closecast.platform.forget.room import ForgetError
from closecast.platform.settings import LakeSettings

_NAMED_BY_CONTENT = re.compile(r"(bronze|silver|quarantine|gold)/([0-9a-f]{64})\.parquet")
_SMALL = ("leases/",)  # renewed all the time, numbers alone: their older versions are not searched
_MODEL = re.compile(r"(?P<folder>mlflow/[^/]+/[^/]+/artifacts/(?:model|evaluation))/(?P<name>.+)")


@dataclass(frozen=True)
class Stored:
    """An object: its bucket and key."""

    bucket: str
    key: str


class Objects:
    """All objects of `buckets`, which `settings` opens with a key that may do everything.

    Objects that are named by their content get new names; `matcher.renamed` learns the new hashes. The model folders
    below `mlflow/` are given to `models` as {file: content}, which returns those that change
    (closecast.platform.forget.models).
    """

    def __init__(
        self,
        settings: LakeSettings,
        buckets: tuple[str, ...],
        models: "Callable[[str, dict[str, bytes], Matcher], tuple[dict[str, bytes], int]]",
    ) -> None:
        self._lake, self._buckets, self._models = settings.bucket, buckets, models
        self._s3 = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            region_name=settings.region,
            config=Config(connect_timeout=3, read_timeout=60, s3={"addressing_style": "path"}),
        )

    def count(self, matcher: Matcher) -> Counter[str]:
        """Also in older versions, which a bucket with versioning keeps."""
        found: Counter[str] = Counter()
        with _answered():
            for one in self._listed():
                found[self._place(one)] += _count(self._read(one), matcher, one.key) + matcher.count(one.key)
            for one, version in self._older():
                found[OLDER] += _count(self._read(one, version), matcher, one.key)
        return found

    def clear(self, matcher: Matcher) -> Counter[str]:
        """New objects are there before anything refers to them, and old ones go last: readers always find one."""
        done: Counter[str] = Counter()
        with _answered():
            every = list(self._listed())
            by_content = [one for one in every if one.bucket == self._lake and _NAMED_BY_CONTENT.fullmatch(one.key)]
            gone = [one for one in by_content if self._renamed(one, matcher, done)]
            folders: dict[Stored, dict[str, bytes]] = {}
            for one in every:
                if one in by_content:
                    continue
                part = _MODEL.fullmatch(one.key)
                if part is not None:
                    folder = folders.setdefault(Stored(one.bucket, part["folder"]), {})
                    folder[part["name"]] = self._read(one)
            # A twin before its model, whose manifest names it.
            for one in sorted(folders, key=lambda folder: (folder.key.endswith("/model"), folder.key)):
                changed, found = self._models(one.key, folders[one], matcher)
                for name, content in changed.items():
                    self._write(Stored(one.bucket, f"{one.key}/{name}"), content)
                done[ARTIFACTS] += found
            # Last, because these refer to the others by their hashes.
            for one in every:
                if one not in by_content and not _MODEL.fullmatch(one.key):
                    self._rewritten(one, matcher, done)
            for one in gone:
                self._s3.delete_object(Bucket=one.bucket, Key=one.key)
            for one, version in list(self._older()):
                if found := _count(self._read(one, version), matcher, one.key):
                    self._s3.delete_object(Bucket=one.bucket, Key=one.key, VersionId=version)
                    done[OLDER] += found
        return done

    def names(self, columns: tuple[str, ...]) -> dict[str, set[str]]:
        """The distinct values of the deals' `columns` in the lake's layers."""
        found: dict[str, set[str]] = {name: set() for name in columns}
        with _answered():
            for one in self._listed():
                layer = _NAMED_BY_CONTENT.fullmatch(one.key)
                if one.bucket != self._lake or layer is None or layer[1] == "gold":
                    continue
                file = pq.ParquetFile(io.BytesIO(self._read(one)))
                for name in set(columns) & set(file.schema_arrow.names):
                    values = pc.unique(file.read([name]).column(name).combine_chunks())
                    found[name].update(str(value).strip() for value in values.to_pylist() if value)
        return found

    def _renamed(self, one: Stored, matcher: Matcher, done: Counter[str]) -> bool:
        """Store the object anew under the hash of its new content; False if it does not change."""
        before = self._read(one)
        after, found = _replaced(before, matcher, one.key)
        if after == before:
            return False
        layer, old = _NAMED_BY_CONTENT.fullmatch(one.key).groups()  # type: ignore[union-attr]
        new = hashlib.sha256(after).hexdigest()
        matcher.renamed[old] = new
        self._write(Stored(one.bucket, f"{layer}/{new}.parquet"), after)
        done[self._place(one)] += found
        return True

    def _rewritten(self, one: Stored, matcher: Matcher, done: Counter[str]) -> None:
        before = self._read(one)
        after, found = _replaced(before, matcher, one.key)
        key, in_key = matcher.replace(one.key)
        if after == before and key == one.key:
            return
        self._write(Stored(one.bucket, key), after)
        if key != one.key:
            self._s3.delete_object(Bucket=one.bucket, Key=one.key)
        done[self._place(one)] += found + in_key

    def _place(self, one: Stored) -> str:
        if one.bucket != self._lake or one.key.startswith("mlflow/"):
            return ARTIFACTS
        return LAKE.get(one.key.partition("/")[0], OTHERS)

    def _listed(self) -> Iterator[Stored]:
        for bucket in dict.fromkeys(self._buckets):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                yield from (Stored(bucket, one["Key"]) for one in page.get("Contents", []))

    def _older(self) -> Iterator[tuple[Stored, str]]:
        for bucket in dict.fromkeys(self._buckets):
            for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for one in page.get("Versions", []):
                    if not one["IsLatest"] and not one["Key"].startswith(_SMALL):
                        yield Stored(bucket, one["Key"]), one["VersionId"]

    def _read(self, one: Stored, version: str | None = None) -> bytes:
        named: dict[str, Any] = {} if version is None else {"VersionId": version}
        try:
            return bytes(self._s3.get_object(Bucket=one.bucket, Key=one.key, **named)["Body"].read())
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "NoSuchVersion"):
                return b""  # somebody else has deleted it since it was listed
            raise

    def _write(self, one: Stored, content: bytes) -> None:
        self._s3.put_object(Bucket=one.bucket, Key=one.key, Body=content)


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ForgetError(f"the object store failed: {error}") from error


def _count(content: bytes, matcher: Matcher, key: str) -> int:
    try:
        return contents.count(content, matcher)
    except UnreadableError as error:
        raise ForgetError(f"the object {key} cannot be searched: {error}; restore or delete it") from error


def _replaced(content: bytes, matcher: Matcher, key: str) -> tuple[bytes, int]:
    """What cannot be written again stays as it is, and the search afterwards says so."""
    try:
        return contents.replaced(content, matcher)
    except FixedError:
        return content, 0
    except UnreadableError as error:
        raise ForgetError(f"the object {key} cannot be searched: {error}; restore or delete it") from error
