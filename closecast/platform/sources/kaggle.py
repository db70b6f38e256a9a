"""Download one file of a Kaggle dataset with Kaggle's official client, verified and unpacked."""

import io
import re
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import requests
from kagglesdk.datasets.services.dataset_api_service import DatasetApiClient  # type: ignore[import-untyped]
from kagglesdk.datasets.types.dataset_api_service import (  # type: ignore[import-untyped]
    ApiDownloadDatasetRequest,
    ApiGetDatasetRequest,
    ApiListDatasetFilesRequest,
)

from closecast.platform.sources.checksums import mismatch
from closecast.platform.sources.errors import SourceAwayError, SourceError
from closecast.platform.sources.kaggle_client import ENDPOINT, VARIABLES, KaggleHttp
from closecast.platform.sources.resumable import ATTEMPTS, extend, passing, retried, status_of


def fetch(
    dataset: str,
    file_name: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> bytes:
    """Download `file_name` of the current version of `dataset`, "<owner>/<name>".

    `environment` may hold KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY; without them Kaggle is asked
    anonymously, which public datasets allow. CLOSECAST_KAGGLE_ENDPOINT names another server, as
    "http://127.0.0.1:8080". What a broken download left in `folder`, one process at a time, is continued; by default
    it is a temporary folder of this call. Raises SourceError,
    SourceAwayError where a later attempt may succeed.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", dataset):
        raise SourceError(f"{dataset!r} names no Kaggle dataset; expected <owner>/<dataset>, as in its web address")
    file = _File(dataset, file_name, KaggleHttp(environment), sleep)
    try:
        with file.http, tempfile.TemporaryDirectory(prefix="closecast-kaggle-") as scratch:
            return file.download(folder or Path(scratch))
    except requests.RequestException as error:
        kind = SourceAwayError if passing(error) else SourceError
        raise kind(file.explain(error)) from error
    except OSError as error:
        raise SourceError(f"{file.what} cannot be kept on disk: {error}; make room, or name another folder") from error


@dataclass(frozen=True)
class _File:
    """A file of a dataset's current version. Its methods raise SourceError and requests.RequestException."""

    dataset: str
    name: str
    http: KaggleHttp
    sleep: Callable[[float], None]

    @property
    def what(self) -> str:
        return f"Kaggle's file {self.name} of {self.dataset}"

    def download(self, folder: Path) -> bytes:
        """Download the file, and verify its length and checksum."""
        version, listed_size = self._described()
        request = self._filled(ApiDownloadDatasetRequest(), dataset_version_number=version, file_name=self.name)
        # A version never changes: a partial download of it can be continued in a later run.
        partial = folder / f"{self.dataset.replace('/', '+')}+{version}+{PurePosixPath(self.name).name}.part"
        folder.mkdir(parents=True, exist_ok=True)

        def attempt() -> tuple[int | None, Mapping[str, str]]:
            return extend(partial, lambda start: self.http.download_at(request, start))

        size, headers = retried(attempt, self.sleep)
        content = partial.read_bytes()
        partial.unlink()  # whole: either good, or not worth continuing
        packed = content.startswith(b"PK\x03\x04")
        expected = listed_size if size is None and not packed else size
        if expected is not None and len(content) != expected:
            raise SourceError(f"{self.what} has {len(content)} bytes, {expected} are stated; download it again")
        if wrong := mismatch(content, headers):
            raise SourceError(f"{self.what} arrived damaged: {wrong}; download it again")
        return self._unpacked(content) if packed else content

    def _described(self) -> tuple[int, int | None]:
        """The dataset's current version, and the file's size in bytes as listed, None when it is not stated."""
        try:
            client = DatasetApiClient(self.http)
            found = retried(lambda: client.get_dataset(self._filled(ApiGetDatasetRequest())), self.sleep)
            version = int(found.current_version_number or 0)
            sizes = self._listing(client, version) if version else {}
        except requests.RequestException:
            raise
        except (
            ValueError,
            TypeError,
            AttributeError,
        ) as error:  # what the client raises for an answer that is not JSON
            raise self._unexpected_answer() from error
        if not version:
            raise self._unexpected_answer()
        if self.name not in sizes:
            held = ", ".join(sizes) or "none"
            raise SourceError(f"{self.what} (version {version}) is not there, only {held}; choose another dataset")
        return version, sizes[self.name] or None

    def _listing(self, client: Any, version: int) -> dict[str, int]:
        """File sizes by name, from all pages of Kaggle's listing."""
        sizes: dict[str, int] = {}
        request = self._filled(ApiListDatasetFilesRequest(), dataset_version_number=version)
        while True:
            page = retried(lambda: client.list_dataset_files(request), self.sleep)
            sizes |= {file.name: file.total_bytes for file in page.dataset_files}
            if not page.next_page_token or self.name in sizes:
                return sizes
            request.page_token = page.next_page_token

    def _filled(self, request: Any, **fields: Any) -> Any:
        request.owner_slug, request.dataset_slug = self.dataset.split("/")
        for name, value in fields.items():
            setattr(request, name, value)
        return request

    def _unpacked(self, content: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = archive.namelist()
                if self.name not in names:
                    raise SourceError(f"{self.what} came as a zip of {', '.join(names)}; choose another dataset")
                return archive.read(self.name)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise SourceError(f"{self.what} came as a zip that cannot be read: {error}; download it again") from error

    def _unexpected_answer(self) -> SourceError:
        return SourceError(
            f"{self.http.endpoint} does not answer as Kaggle's API does, asked for {self.dataset}; check {ENDPOINT} "
            "and the proxy"
        )

    def explain(self, error: requests.RequestException) -> str:
        """Describe the error in one line, without its own text, which may hold a signed address."""
        status, where = status_of(error), f"Kaggle at {self.http.endpoint}"
        asked = f"{self.name} of the dataset {self.dataset}, asked for {self.http.identity}"
        if status in (401, 403):
            return f"{where} refuses ({status}) {asked}; set {VARIABLES} of an account that may read it"
        if status == 404:
            return f"{where} does not know (404) {asked}; check the name, and set {VARIABLES} if it is private"
        said = f"cannot be reached ({type(error).__name__})" if status is None else f"answers {status}"
        if not passing(error):
            return f"{where} {said} for {asked}; check {ENDPOINT} and the proxy"
        wait = None if error.response is None else error.response.headers.get("Retry-After")
        advice = f" (it states Retry-After: {wait})" if wait else ""
        return f"{where} {said} for {asked}, up to {ATTEMPTS} times{advice}; check the network and try again later"
