"""Where Nomad comes from: PATH if new enough, a release whose hash fits, the build, or a message that names all three."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from ops import nomad_binary
from ops.errors import OperatorError
from tests.unit.ops.conftest import Double

SCRIPT = '#!/bin/sh\necho "Nomad v{version}"\n'


def _install(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nomad"
    file.write_text(SCRIPT.format(version=version))
    file.chmod(0o755)
    return file


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")


def test_the_one_on_path_is_taken_if_new_enough(tmp_path: Path) -> None:
    binary = _install(tmp_path / "bin", "1.8.0")
    found = nomad_binary.find()
    assert found == nomad_binary.Nomad(binary, "1.8.0", "PATH")
    assert "found on PATH" in str(found)


def test_an_old_one_on_path_gives_way_to_the_cache(tmp_path: Path) -> None:
    _install(tmp_path / "bin", "1.7.9")
    assert nomad_binary.find() is None
    _install(tmp_path / "cache" / f"nomad-{nomad_binary.VERSION}-built", nomad_binary.VERSION)
    found = nomad_binary.find()
    assert found is not None
    assert found.origin == "built"


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("nomad", SCRIPT.format(version=nomad_binary.VERSION))
    return content.getvalue()


@pytest.fixture
def release(double: Double, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A release site with one archive."""
    archive = _archive()
    monkeypatch.setattr(nomad_binary, "_RELEASES", double.address)
    monkeypatch.setattr(nomad_binary.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(nomad_binary.platform, "system", lambda: "Linux")
    version = nomad_binary.VERSION
    double.answers[f"GET /{version}/nomad_{version}_linux_amd64.zip"] = (200, archive)
    return archive


def test_a_release_is_checked_and_kept(release: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nomad_binary.SHA256, "linux_amd64", hashlib.sha256(release).hexdigest())
    assert nomad_binary.find_or_install().origin == "release"
    found = nomad_binary.find()
    assert found is not None
    assert found.version == nomad_binary.VERSION


@pytest.mark.usefixtures("release")
def test_a_release_with_another_hash_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"has SHA-256 .* is pinned"):
        nomad_binary.find_or_install()
    assert nomad_binary.find() is None


def test_with_neither_release_nor_go_the_message_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nomad_binary, "_RELEASES", "http://127.0.0.1:9")
    with pytest.raises(OperatorError, match=r"could not be downloaded .* there is no Go on PATH") as caught:
        nomad_binary.find_or_install()
    assert "install Nomad from your package manager" in str(caught.value)


def test_a_build_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nomad_binary, "_RELEASES", "http://127.0.0.1:9")
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text('#!/bin/sh\necho "go.mod requires go >= 1.25" >&2\nexit 1\n')
    go.chmod(0o755)
    with pytest.raises(OperatorError, match=r"go build failed: go.mod requires go >= 1\.25"):
        nomad_binary.find_or_install()
