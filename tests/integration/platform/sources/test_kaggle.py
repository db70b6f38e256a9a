"""Kaggle as a source: who asks, what is repeated, what is continued, and what is refused."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest

from closecast.deals.synthetic.generator import generate
from closecast.platform.sources.checksums import crc32c
from closecast.platform.sources.errors import SourceAwayError
from closecast.platform.sources.export import SourceError, read_source
from closecast.platform.sources.kaggle import fetch
from tests.kaggle_double import CONTENT, DATASET, FILE, Kaggle, running_double
from tests.servers.processes import free_port


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # What lies about on a developer's machine must not be found: only the environment handed over counts.
    monkeypatch.setenv("KAGGLE_API_TOKEN", "of-this-process")
    with running_double() as double:
        yield double


def _md5(content: bytes) -> str:
    return f"md5={base64.b64encode(hashlib.md5(content).digest()).decode()}"


def test_a_public_dataset_is_read_anonymously(kaggle: Kaggle) -> None:
    # when
    export = read_source("kaggle", environment={"CLOSECAST_KAGGLE_ENDPOINT": f"{kaggle.url}/"})
    # then
    assert export.frame.equals(generate(4_000, seed=1))
    assert export.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert set(kaggle.seen) == {None}
    assert kaggle.ranges == [None]


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({"KAGGLE_API_TOKEN": "abc\n", "KAGGLE_USERNAME": "ada"}, "Bearer abc"),
        ({"KAGGLE_USERNAME": "ada", "KAGGLE_KEY": "k"}, f"Basic {base64.b64encode(b'ada:k').decode()}"),
    ],
)
def test_credentials_of_the_environment_are_sent(environment: dict[str, str], header: str, kaggle: Kaggle) -> None:
    # given
    kaggle.authorization = header
    # when
    content = kaggle.fetch(None, **environment)
    # then
    assert content == CONTENT
    assert set(kaggle.seen) == {header}


def test_a_refusal_names_the_variables(kaggle: Kaggle) -> None:
    # given
    kaggle.authorization = "Bearer right"
    # when / then
    with pytest.raises(
        SourceError, match=r"refuses \(401\) .* anonymously; set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and"
    ):
        kaggle.fetch()
    with pytest.raises(
        SourceError, match=r"refuses \(401\) .* with KAGGLE_API_TOKEN; set KAGGLE_API_TOKEN, or"
    ) as raised:
        kaggle.fetch(KAGGLE_API_TOKEN="wrong")
    assert "wrong" not in str(raised.value)
    with pytest.raises(SourceError, match="KAGGLE_USERNAME is set but KAGGLE_KEY is not; set both"):
        kaggle.fetch(KAGGLE_USERNAME="ada")
    assert kaggle.waits == []


def test_what_kaggle_does_not_hold_is_named(kaggle: Kaggle) -> None:
    # given
    environment = {"CLOSECAST_KAGGLE_ENDPOINT": kaggle.url}
    # when / then
    with pytest.raises(
        SourceError, match=r"does not know \(404\) sales_pipeline.csv of the dataset someone/deals, asked"
    ):
        read_source("kaggle:someone/deals", environment=environment)
    with pytest.raises(
        SourceError, match=r"teams.csv of .* is not there, only accounts.csv, sales_pipeline.csv; choose"
    ):
        fetch(DATASET, "teams.csv", environment)


def test_a_busy_server_is_asked_again_when_it_says(kaggle: Kaggle) -> None:
    # given
    soon = formatdate(time() + 60, usegmt=True)
    kaggle.refusals = [(429, {"Retry-After": "7"}), (503, {}), (500, {"Retry-After": soon})]
    # when
    content = kaggle.fetch()
    # then
    assert content == CONTENT
    assert kaggle.waits[:2] == [7.0, 2.0]
    assert 50 < kaggle.waits[2] <= 60


def test_patience_ends(kaggle: Kaggle) -> None:
    # given
    kaggle.refusals = [(503, {})] * 6
    # when / then
    with pytest.raises(
        SourceAwayError, match=r"answers 503 for .*, up to 6 times; check the network and try again later"
    ):
        kaggle.fetch()
    assert kaggle.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    # given
    kaggle.refusals = [(429, {"Retry-After": "3600"})]
    # when / then
    with pytest.raises(SourceError, match=r"answers 429 .* \(it states Retry-After: 3600\)"):
        kaggle.fetch()
    assert len(kaggle.waits) == 5


def test_a_broken_download_is_continued(kaggle: Kaggle) -> None:
    # given
    kaggle.headers = {"X-Goog-Hash": f"crc32c=AAAAAA==, {_md5(CONTENT)}"}
    kaggle.breaks = [len(CONTENT) // 2, 1000]
    # when
    content = kaggle.fetch()
    # then
    assert content == CONTENT
    assert kaggle.ranges[0] is None
    first, second = (int(str(one).removeprefix("bytes=").removesuffix("-")) for one in kaggle.ranges[1:])
    assert 0 < first <= second <= len(CONTENT) // 2 + 1000
    assert kaggle.waits == [1.0, 2.0]


def test_a_later_run_continues_what_lies_in_the_folder(kaggle: Kaggle, tmp_path: Path) -> None:
    # given
    kaggle.breaks = [100_000] + [0] * 5
    with pytest.raises(SourceError, match=r"cannot be reached \(.*Error\) for .*, up to 6 times") as raised:
        kaggle.fetch(tmp_path)
    assert "secret" not in str(raised.value)
    (partial,) = tmp_path.iterdir()
    kept = partial.stat().st_size
    kaggle.ranges.clear()
    # when
    content = kaggle.fetch(tmp_path)
    # then
    assert content == CONTENT
    assert kept > 0
    assert kaggle.ranges == [f"bytes={kept}-"]
    assert list(tmp_path.iterdir()) == []


def test_more_bytes_than_the_server_has_are_dropped(kaggle: Kaggle, tmp_path: Path) -> None:
    # given
    partial = tmp_path / f"{DATASET.replace('/', '+')}+3+{FILE}.part"
    partial.write_bytes(CONTENT + b"more")
    # when
    content = kaggle.fetch(tmp_path)
    # then
    assert content == CONTENT
    assert kaggle.ranges == [f"bytes={len(CONTENT) + 4}-", None]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"X-Goog-Hash": _md5(b"other")}, "arrived damaged: its md5 is .*, the server states .*; download it again"),
        ({"X-Goog-Hash": "crc32c=AAAAAA=="}, "arrived damaged: its crc32c is"),
        ({"ETag": f'"{hashlib.md5(b"other").hexdigest()}"'}, "arrived damaged: its md5 is"),
    ],
)
def test_damage_is_refused_and_not_kept(headers: dict[str, str], message: str, kaggle: Kaggle, tmp_path: Path) -> None:
    # given
    kaggle.headers = headers
    # when / then
    with pytest.raises(SourceError, match=message):
        kaggle.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_right_checksums_are_accepted(kaggle: Kaggle) -> None:
    # given
    assert crc32c(b"123456789") == 0xE3069283  # the check value of RFC 3720's polynomial
    stated = base64.b64encode(crc32c(CONTENT).to_bytes(4, "big")).decode()
    for kaggle.headers in (
        {"X-Goog-Hash": f"crc32c={stated}"},
        {"ETag": f'"{hashlib.md5(CONTENT).hexdigest()}"'},
        {"ETag": '"CKih16GjycICEAE="'},
        {"X-Goog-Hash": _md5(b"compressed"), "X-Goog-Stored-Content-Encoding": "gzip"},
    ):
        # when / then
        assert kaggle.fetch() == CONTENT


def test_without_a_length_the_listed_size_counts(kaggle: Kaggle) -> None:
    # given
    kaggle.states_length, kaggle.breaks = False, [90_000]
    # when / then
    with pytest.raises(SourceError, match=f"has 90000 bytes, {len(CONTENT)} are stated; download it again"):
        kaggle.fetch()


def test_a_zip_is_unpacked(kaggle: Kaggle) -> None:
    # given
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FILE, CONTENT)
    kaggle.content = packed.getvalue()
    # when / then
    assert kaggle.fetch() == CONTENT


def test_a_zip_without_the_file_or_damaged(kaggle: Kaggle) -> None:
    # given
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("accounts.csv", b"a,b\n")
    # when / then
    kaggle.content = packed.getvalue()
    with pytest.raises(SourceError, match=r"came as a zip of accounts.csv; choose another dataset"):
        kaggle.fetch()
    kaggle.content = packed.getvalue()[:-30]
    with pytest.raises(SourceError, match="came as a zip that cannot be read"):
        kaggle.fetch()


@pytest.mark.parametrize("page", [b"<html>please log in</html>", b"{}", b"[]"])
def test_something_else_than_kaggle_answers(page: bytes, kaggle: Kaggle) -> None:
    # given
    kaggle.page = page
    # when / then
    with pytest.raises(SourceError, match=f"{kaggle.url} does not answer as Kaggle's API does"):
        kaggle.fetch()


def test_nothing_answers(kaggle: Kaggle, tmp_path: Path) -> None:
    # given
    kaggle.url = f"http://127.0.0.1:{free_port()}"
    # when / then
    with pytest.raises(SourceError, match=rf"Kaggle at {kaggle.url} cannot be reached \(ConnectionError\)"):
        kaggle.fetch(tmp_path)
    with pytest.raises(SourceError, match="CLOSECAST_KAGGLE_ENDPOINT is 'nowhere'; expected an http"):
        fetch(DATASET, FILE, {"CLOSECAST_KAGGLE_ENDPOINT": "nowhere"})


def test_a_folder_that_cannot_be_used(kaggle: Kaggle, tmp_path: Path) -> None:
    # given
    file = tmp_path / "file"
    file.touch()
    # when / then
    with pytest.raises(SourceError, match=r"cannot be kept on disk: .*; make room, or name another folder"):
        kaggle.fetch(file)
