"""The buckets: copied to disk, restored into a fresh object store, compared byte by byte."""

import filecmp
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from ops import paths, servers
from ops.errors import OperatorError
from ops.setup import runtime
from ops.setup.credentials import ARTIFACTS_BUCKET, LAKE_BUCKET
from services.bucket_mirror.mirror import Listing, Mirror, MirrorError
from services.bucket_mirror.settings import Settings


@dataclass(frozen=True)
class Store:
    """An object store of S3's interface, and a key that opens all of it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str

    def mirror(self, folder: Path) -> Mirror:
        """Its mirror in `folder`."""
        return Mirror(
            Settings(
                self.endpoint, self.access_key, self.secret_key, self.region, folder, folder / "none", "127.0.0.1", 0
            )
        )

    def make(self, buckets: Listing) -> None:
        """Make empty buckets."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",  # the only one whose buckets need no word of where they are
            config=Config(s3={"addressing_style": "path"}),
        )
        for bucket in buckets:
            client.create_bucket(Bucket=bucket)


@contextmanager
def _fresh(folder: Path, region: str) -> Iterator[Store]:
    """A LocalStack of its own that only one new key opens: other accounts of the machine reach its port too."""
    port = servers.free_port()
    store = Store(f"http://127.0.0.1:{port}", secrets.token_hex(10), secrets.token_hex(20), region)
    environment = {
        **os.environ,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_LOCALSTACK_STATE": str(folder / "state"),
        "CLOSECAST_OBJECT_STORE_ACCESS_KEY": store.access_key,
        "CLOSECAST_OBJECT_STORE_SECRET_KEY": store.secret_key,
        "CLOSECAST_OBJECT_STORE_JOB_KEYS": "",
        "CLOSECAST_LAKE_BUCKET": LAKE_BUCKET,
        "CLOSECAST_ARTIFACTS_BUCKET": ARTIFACTS_BUCKET,
        "PYTHONPATH": "",
    }
    folder.mkdir(mode=0o700)
    command = [str(runtime.python(paths.VENV_LOCALSTACK)), str(paths.PROJECT / "localstack" / "run.py")]
    with servers.running(command, environment, folder / "server.log", f"{store.endpoint}/_localstack/health", 120):
        yield store


def drill(store: Store, folder: Path) -> int:
    """Copy every object of `store` below `folder`, restore and compare; returns their number. Raises OperatorError."""
    copied, back = folder / "objects", folder / "objects-restored"
    for made in (copied, back):
        made.mkdir(mode=0o700)
    try:
        source = store.mirror(copied)
        listed = source.listing()
        source.fetch({}, listed)
        with _fresh(folder / "localstack", store.region) as elsewhere:
            elsewhere.make(listed)
            elsewhere.mirror(copied).restore()
            target = elsewhere.mirror(back)
            target.fetch({}, target.listing())
    except MirrorError as error:
        raise OperatorError(
            str(error), "the copy is not complete: mend that first, then run the drill again"
        ) from error
    wanted = {f"{bucket}/{key}" for bucket, keys in listed.items() for key in keys}
    lost = sorted(name for name in wanted if not _is_same(copied / name, back / name))
    if lost:
        raise OperatorError(
            f"{len(lost)} of {len(wanted)} objects did not come back as they were: {', '.join(lost[:5])}",
            "do not rely on such a copy: find out what it leaves out",
        )
    return len(wanted)


def _is_same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
