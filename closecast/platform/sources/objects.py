"""Read exports from S3 objects, with the settings of the lake."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyarrow.fs import FileSelector, FileSystem

from closecast.deals.reading.export import ENDINGS
from closecast.platform.object_store import object_store
from closecast.platform.settings import LakeSettings, SettingsError
from closecast.platform.sources.errors import SourceAwayError, SourceError
from closecast.platform.sources.folder import is_data
from closecast.platform.sources.mapped import check_size

# Phrases of the object store's client for transient errors: no connection, too many requests, a server failure.
_PASSING = ("NETWORK_CONNECTION", "REQUEST_TIMEOUT", "SERVICE_UNAVAILABLE", "SLOW_DOWN", "INTERNAL_FAILURE")
_EXPECTED = (
    "expected s3://<bucket>/<key ending in .csv, .tsv, .txt, .xlsx, .xls or .parquet>, or s3://<bucket>/<folder>/ with a "
    "slash at its end"
)


def read_object(spec: str, environment: Mapping[str, str]) -> bytes:
    """Read the object that `spec`, s3://<bucket>/<key>, names.

    `environment` holds AWS_REGION and, as needed, AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    Raises SourceAwayError when a later attempt may succeed, and SourceError for a malformed name, a missing variable,
    an absent object, and a store that refuses or does not answer.
    """
    with _reached(spec, environment, ENDINGS) as (store, path), store.open_input_stream(path) as stream:
        return bytes(stream.read())


def read_objects(spec: str, environment: Mapping[str, str]) -> dict[str, bytes]:
    """Read the export files directly in the folder that `spec`, s3://<bucket>/<folder>/, names, by name.

    Raises as `read_object`, and SourceError where they are too large.
    """
    with _reached(spec, environment, "/") as (store, path):
        listed = store.get_file_info(FileSelector(path.rstrip("/")))
        found = sorted((one for one in listed if one.is_file and is_data(one.base_name)), key=lambda one: one.base_name)
        check_size(sum(one.size for one in found), f"the folder {spec}")
        contents = {}
        for one in found:
            with store.open_input_stream(one.path) as stream:
                contents[one.base_name] = bytes(stream.read())
        return contents


@contextmanager
def _reached(
    spec: str, environment: Mapping[str, str], endings: str | tuple[str, ...]
) -> Iterator[tuple[FileSystem, str]]:
    """The store, and the path in it that `spec` names, which has one of `endings`; errors of the store become SourceError."""
    bucket, _, key = spec.removeprefix("s3://").partition("/")
    named = spec.startswith("s3://") and bucket and key and not key.startswith("/")
    if not named or not key.lower().endswith(endings):
        raise SourceError(f"{spec!r} names no export on S3; {_EXPECTED}")
    try:
        settings = LakeSettings.from_environment({**environment, "CLOSECAST_LAKE_BUCKET": bucket})
    except SettingsError as error:
        raise SourceError(f"{spec} cannot be read: {error}; set it as for the lake") from error
    where = settings.endpoint or f"AWS S3 in {settings.region}"
    try:
        yield object_store(settings), f"{bucket}/{key}"
    except FileNotFoundError as error:
        what = "folder" if key.endswith("/") else "object"
        raise SourceError(f"there is no {what} {spec} at {where}; check the bucket and the key") from error
    except OSError as error:
        reason = " ".join(str(error).split())
        kind = SourceAwayError if any(word in reason for word in _PASSING) else SourceError
        raise kind(
            f"{spec} cannot be read at {where}: {reason}; check that the store is up and that AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY may read it"
        ) from error
