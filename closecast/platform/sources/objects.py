"""Read exports from S3 objects, with the settings of the lake."""

from collections.abc import Mapping

from closecast.deals.reading.export import ENDINGS
from closecast.platform.object_store import object_store
from closecast.platform.settings import LakeSettings, SettingsError
from closecast.platform.sources.errors import SourceAwayError, SourceError

# Phrases of the object store's client for transient errors: no connection, too many requests, a server failure.
_PASSING = ("NETWORK_CONNECTION", "REQUEST_TIMEOUT", "SERVICE_UNAVAILABLE", "SLOW_DOWN", "INTERNAL_FAILURE")
_EXPECTED = "expected s3://<bucket>/<key ending in .csv, .tsv, .txt, .xlsx, .xls or .parquet>"


def read_object(spec: str, environment: Mapping[str, str]) -> bytes:
    """Read the object that `spec`, s3://<bucket>/<key>, names.

    `environment` holds AWS_REGION and, as needed, AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    Raises SourceAwayError when a later attempt may succeed, and SourceError for a malformed name, a missing variable,
    an absent object, and a store that refuses or does not answer.
    """
    bucket, _, key = spec.removeprefix("s3://").partition("/")
    named = spec.startswith("s3://") and bucket and key and not key.startswith("/")
    if not named or not key.lower().endswith(ENDINGS):
        raise SourceError(f"{spec!r} names no export on S3; {_EXPECTED}")
    try:
        settings = LakeSettings.from_environment({**environment, "CLOSECAST_LAKE_BUCKET": bucket})
    except SettingsError as error:
        raise SourceError(f"{spec} cannot be read: {error}; set it as for the lake") from error
    where = settings.endpoint or f"AWS S3 in {settings.region}"
    try:
        with object_store(settings).open_input_stream(f"{bucket}/{key}") as stream:
            return bytes(stream.read())
    except FileNotFoundError as error:
        raise SourceError(f"there is no object {spec} at {where}; check the bucket and the key") from error
    except OSError as error:
        reason = " ".join(str(error).split())
        kind = SourceAwayError if any(word in reason for word in _PASSING) else SourceError
        raise kind(
            f"{spec} cannot be read at {where}: {reason}; check that the store is up and that AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY may read it"
        ) from error
