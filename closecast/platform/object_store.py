"""The object store: S3, or a compatible store."""

from pyarrow.fs import S3FileSystem

from closecast.platform.settings import LakeSettings


def object_store(settings: LakeSettings) -> S3FileSystem:
    """The object store of `settings`; one that is away is reported within seconds."""
    scheme, _, host = (settings.endpoint or "").rpartition("://")
    return S3FileSystem(
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        region=settings.region,
        scheme=scheme or None,
        endpoint_override=host or None,
        connect_timeout=3,
        request_timeout=30,
    )
