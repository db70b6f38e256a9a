"""`just release`: what it refuses, what it makes, and that the wheel works where nothing else of the project is."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from closecast import version
from closecast.deals.synthetic.generator import generate
from ops import paths
from ops.errors import OperatorError
from ops.release import command, wheel
from tests.servers.processes import PROJECT

pytestmark = pytest.mark.integration
BIN = Path(sys.executable).parent


def _git(project: Path, *arguments: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", "-C", str(project), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of its own with the library, and a changelog with 0.1.0."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "closecast", project / "closecast", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py"):
        shutil.copy(PROJECT / name, project)
    (project / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n### Added\n\n- The library.\n")
    _git(tmp_path, "init", "--quiet", str(project))
    _git(project, "add", ".")
    _git(project, "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(paths, "PROJECT", project)
    monkeypatch.setattr(command, "FOLDER", project / ".closecast" / "release")
    return project


def test_a_tagged_commit_becomes_a_release(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _git(project, "tag", "v0.1.0")
    # when
    assert command.release(["--no-images"]) == 0
    # then
    folder = project / ".closecast" / "release" / "0.1.0"
    names = ["closecast-0.1.0-py3-none-any.whl", "closecast-0.1.0.cdx.json", "notes.md"]
    assert sorted(one.name for one in folder.iterdir()) == ["SHA256SUMS", *names]
    assert (folder / "notes.md").read_text() == "### Added\n\n- The library.\n"
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    bill = json.loads((folder / names[1]).read_text())
    assert bill["metadata"]["component"]["version"] == "0.1.0"
    assert {"lightgbm", "pandas", "typeguard"} <= {one["name"] for one in bill["components"]}
    assert not {"litestar", "mlflow", "pytest"} & {one["name"] for one in bill["components"]}
    assert "no images: they are not wanted" in capsys.readouterr().out


def test_what_is_no_release_is_refused_and_can_be_rehearsed(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperatorError, match=r"the commit has no tag of a version: it is 0\.0\.0\.post1\+g"):
        command.release([])
    # a changed file
    _git(project, "tag", "v0.2.0")
    (project / "CHANGELOG.md").write_text("## [Unreleased]\n\n### Added\n\n- The library.\n")
    with pytest.raises(OperatorError, match="files differ from the commit"):
        command.release([])
    # a version without a section
    _git(project, "commit", "--quiet", "--all", "--message", "second")
    _git(project, "tag", "--force", "v0.2.0")
    with pytest.raises(OperatorError, match=r"CHANGELOG.md has no section \[0\.2\.0\]"):
        command.release([])
    assert not (project / ".closecast").exists()
    # when rehearsed, where there is no Docker
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    _git(project, "tag", "--delete", "v0.2.0")
    assert command.release(["--rehearse"]) == 0
    # then
    (folder,) = (project / ".closecast" / "release").iterdir()
    assert folder.name == version.current(project)
    assert re.search(r"no images: .* \(`just images` builds them where a Docker daemon runs\)", capsys.readouterr().out)


def test_a_commit_gives_the_same_bytes_each_time(project: Path, tmp_path: Path) -> None:
    first = wheel.build("HEAD", "0.1.0", tmp_path / "first")
    (project / "closecast" / "left.py").write_text("")
    assert wheel.build("HEAD", "0.1.0", tmp_path / "second").read_bytes() == first.read_bytes()


def test_the_wheel_has_the_library_and_nothing_else(project: Path, tmp_path: Path) -> None:
    # when
    made = wheel.build("HEAD", "0.1.0", tmp_path / "made")
    # then
    with ZipFile(made) as files:
        names = set(files.namelist())
    tracked = {name for name in _git(project, "ls-files", "closecast").splitlines() if name}
    assert {name for name in names if not name.startswith("closecast-0.1.0.dist-info/")} == tracked
    assert not [name for name in names if {"tests", "ops", "benchmarks", "services", "flows"} & set(Path(name).parts)]


@pytest.mark.index
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("index", "project")
def test_in_a_clean_environment_the_wheel_works(tmp_path: Path) -> None:
    # given the wheel in an environment of its own, outside of every clone
    made = wheel.build("HEAD", "0.1.0", tmp_path / "made")
    place = tmp_path / "elsewhere"
    place.mkdir()
    for arguments in (
        ["venv", "--quiet", "--python", sys.executable, "clean"],
        ["pip", "install", "--quiet", "--python", "clean/bin/python", str(made)],
    ):
        subprocess.run([str(BIN / "uv"), *arguments], cwd=place, check=True, capture_output=True)
    generate(2_500, seed=11).to_csv(place / "deals.csv", index=False)
    # when
    helped, told, checked, trained, predicted = (
        _run(place, *arguments)
        for arguments in (
            ["--help"],
            ["--version"],
            ["check", "file:deals.csv", "--json", "found.json"],
            ["train", "--source", "file:deals.csv", "--out", "model"],
            ["predict", "deals.csv", "--model", "model"],
        )
    )
    # then
    assert helped.startswith("usage: closecast <command>")
    assert told == "closecast 0.1.0\n"
    assert "a model can be trained on it" in checked
    assert json.loads((place / "found.json").read_text())["rows"]["came_in"] == 2_500
    assert f"the model is in {place / 'model'}" in trained
    assert "deals scored" in predicted
    # and nothing of the platform is there
    absent = "import importlib.util as u; print([n for n in ('ops', 'services', 'flows', 'tests', 'benchmarks', 'mlflow') if u.find_spec(n)])"
    asked = [str(place / "clean" / "bin" / "python"), "-P", "-c", absent]
    assert subprocess.run(asked, cwd=place, check=True, capture_output=True, text=True).stdout.strip() == "[]"


def _run(place: Path, *arguments: str) -> str:
    """What `closecast <arguments>` printed in the clean environment, to which nothing of this one is handed on."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [str(place / "clean" / "bin" / "closecast"), *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
