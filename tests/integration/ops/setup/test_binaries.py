"""Where Nomad, Caddy and Prometheus come from: PATH if new enough, a release whose hash fits, the build, or a message that names all three."""

import hashlib
import io
import platform
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.paths import PROJECT
from ops.setup.actionlint_binary import ACTIONLINT
from ops.setup.binaries import Binary, Program
from ops.setup.caddy_binary import CADDY
from ops.setup.metrics_binaries import ALERTMANAGER, PROMETHEUS, find
from ops.setup.nomad_binary import NOMAD
from tests.http_double import Double

# What each prints when asked for its version.
SAYS = {
    "nomad": "Nomad v{version}\nBuildDate 2026-03-11",
    "caddy": "v{version} h1:abc=",
    "actionlint": "{version}\ninstalled by downloading from release page",
    "prometheus": "prometheus, version {version}+ds (branch: debian/sid, revision: 1)",
    "alertmanager": "alertmanager, version {version} (branch: debian/sid, revision: 1)",
}
BUILT = pytest.mark.parametrize("program", [NOMAD, CADDY, ACTIONLINT], ids=lambda program: program.name)
ALL = pytest.mark.parametrize(
    "program", [NOMAD, CADDY, ACTIONLINT, PROMETHEUS, ALERTMANAGER], ids=lambda program: program.name
)


def _script(program: Program, version: str) -> str:
    said = SAYS[program.name.removeprefix("prometheus-")].format(version=version)
    return f"#!/bin/sh\necho '{said}'\n"


def _install(program: Program, folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / program.name
    file.write_text(_script(program, version))
    file.chmod(0o755)
    return file


def _cached(program: Program, tmp_path: Path, origin: str) -> Path:
    return tmp_path / "cache" / f"{program.name}-{program.version}-{origin}"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("NOMAD", "CADDY", "ACTIONLINT", "PROMETHEUS", "ALERTMANAGER"):
        monkeypatch.setenv(f"CLOSECAST_{name}_RELEASES", "http://127.0.0.1:9")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")


@ALL
def test_the_one_on_path_is_taken_if_new_enough(program: Program, tmp_path: Path) -> None:
    version = f"{program.oldest[0]}.{program.oldest[1]}.0"
    binary = _install(program, tmp_path / "bin", version)
    found = program.find()
    assert found == Binary(program.title, binary, version, "PATH")
    assert "found on PATH" in str(found) == program.describe()


@BUILT
def test_an_old_one_on_path_gives_way_to_the_cache(program: Program, tmp_path: Path) -> None:
    _install(program, tmp_path / "bin", f"{program.oldest[0]}.{program.oldest[1] - 1}.9")
    assert program.find() is None
    _install(program, _cached(program, tmp_path, "built"), program.version)
    found = program.find()
    assert found is not None
    assert found.origin == "built"


def _archive(program: Program) -> bytes:
    """As the publisher packs it: Nomad in a zip, Caddy in a tar file."""
    content, script = io.BytesIO(), _script(program, program.version).encode()
    if program.archive.endswith(".zip"):
        with zipfile.ZipFile(content, "w") as zipped:
            zipped.writestr(program.name, script)
    else:
        with tarfile.open(fileobj=content, mode="w:gz") as tarred:
            name = program.member.format(name=program.name, version=program.version, dashed="linux-amd64")
            member = tarfile.TarInfo(name)
            member.size = len(script)
            tarred.addfile(member, io.BytesIO(script))
    return content.getvalue()


def _released(program: Program, double: Double, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A release site with one archive."""
    archive = _archive(program)
    path = program.archive.format(version=program.version, system="linux_amd64", dashed="linux-amd64")
    double.answers[f"GET /{path}"] = (200, archive)
    monkeypatch.setenv(f"CLOSECAST_{program.name.upper()}_RELEASES", double.address)
    return archive


@ALL
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_release_is_checked_and_kept(
    program: Program, algorithm: str, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _released(program, double, monkeypatch)
    pinned = replace(program, checksums={"linux_amd64": hashlib.new(algorithm, archive).hexdigest()})
    assert pinned.find_or_install().origin == "release"
    found = pinned.find()
    assert found is not None
    assert found.version == program.version


@ALL
def test_a_release_with_another_hash_is_refused(
    program: Program, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    _released(program, double, monkeypatch)
    with pytest.raises(OperatorError, match=r"has SHA(256|512) .* is pinned"):
        program.find_or_install()
    assert program.find() is None


@BUILT
def test_with_neither_release_nor_go_the_message_names_both(program: Program) -> None:
    with pytest.raises(OperatorError, match=r"could not be downloaded .* there is no Go on PATH") as caught:
        program.find_or_install()
    assert f"install {program.title} from your package manager" in str(caught.value)
    assert "there is no Go on PATH to build it with, so the release site must answer" in program.describe()


def test_a_program_that_is_not_built_says_how_else_it_is_had(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"no Alertmanager 0\.24 .* could not be downloaded") as caught:
        ALERTMANAGER.find_or_install()
    assert "Go" not in str(caught.value)
    assert "install the package prometheus-alertmanager" in ALERTMANAGER.describe()
    assert find() is None
    _install(replace(ALERTMANAGER, name="prometheus-alertmanager"), tmp_path / "bin", "0.25.0")
    assert ALERTMANAGER.find() is not None
    assert find() is None
    _install(PROMETHEUS, tmp_path / "bin", "2.42.0")
    found = find()
    assert found is not None
    assert [one.version for one in found] == ["2.42.0", "0.25.0"]


def test_a_system_without_a_pinned_release_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(OperatorError, match=r"no release of Caddy .* is pinned for linux_riscv64"):
        CADDY.find_or_install()


@BUILT
def test_a_build_that_fails_says_why(program: Program, tmp_path: Path) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text('#!/bin/sh\necho "go.mod requires go >= 1.25" >&2\nexit 1\n')
    go.chmod(0o755)
    with pytest.raises(OperatorError, match=r"go build failed: go.mod requires go >= 1\.25"):
        program.find_or_install()


@BUILT
def test_a_build_pins_its_module_and_leaves_the_program_alone(program: Program, tmp_path: Path) -> None:
    # given a compiler, here a double that writes what it is told to a program that tells its version
    made = _install(program, tmp_path / "made", program.version)
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/told\n/bin/cp {made} {program.name}\n')
    go.chmod(0o755)
    # when
    found = program.find_or_install()
    # then
    assert (
        found
        == program.find()
        == Binary(program.title, _cached(program, tmp_path, "built") / program.name, program.version, "built")
    )
    assert [file.name for file in found.path.parent.iterdir()] == [program.name]
    assert (tmp_path / "told").read_text().startswith("build -mod=mod ")
    pins = (PROJECT / "ops" / "setup" / program.name / "go.mod").read_text()
    assert f" v{program.version}\n" in pins
    assert (PROJECT / "ops" / "setup" / program.name / "go.sum").stat().st_size > 1_000


def test_two_that_build_at_once_build_it_once(tmp_path: Path) -> None:
    # given a compiler that takes a moment, and counts
    made = _install(CADDY, tmp_path / "made", CADDY.version)
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\necho built >> {tmp_path}/told\n/bin/sleep 0.5\n/bin/cp {made} caddy\n")
    go.chmod(0o755)
    # when two clones want the program at the same time
    with ThreadPoolExecutor(2) as clones:
        found = list(clones.map(lambda _: CADDY.find_or_install(), range(2)))
    # then one waited for the other, and has what it made
    assert found[0] == found[1]
    assert (tmp_path / "told").read_text() == "built\n"
