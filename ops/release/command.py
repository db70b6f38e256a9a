"""The command `release`."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from cyclonedx.model.component import ComponentType

from closecast import version
from closecast.platform.runtime import provenance
from closecast.platform.runtime.files import write_whole
from ops import paths
from ops.cli.arguments import Arguments
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.images import build as images
from ops.images import docker, sbom
from ops.images.command import LOCAL_PREFIX
from ops.release import changelog, dependencies, wheel

FOLDER = paths.LOCAL / "release"


def release(arguments: list[str]) -> int:
    """Make what a version consists of, from the tag that is checked out: wheel, images, bills of materials, notes, checksums."""
    wanted = Arguments("release", release.__doc__)
    wanted.flag("rehearse", "take any commit, and the section [Unreleased] of CHANGELOG.md")
    wanted.flag("no-images", "leave the images out")
    given = wanted.option("base", str, "the base image, as for `just images`", value="image").given(arguments)
    commit, number = _checked_out(given.rehearse)
    notes = changelog.section(_changelog(commit), changelog.UNRELEASED if given.rehearse else number)
    why_no_images = "they are not wanted" if given.no_images else _no_docker()
    folder = FOLDER / number
    shutil.rmtree(folder, ignore_errors=True)
    with step(f"wheel of {number}"):
        made = wheel.build(commit, number, folder)
    bill = sbom.written("closecast", number, ComponentType.LIBRARY, dependencies.of_wheel(made))
    write_whole(folder / f"closecast-{number}.cdx.json", bill)
    write_whole(folder / "notes.md", notes.text + "\n")
    if why_no_images is None:
        for image in images.build(LOCAL_PREFIX, given.base):
            write_whole(folder / f"image-{image.name}.cdx.json", sbom.bill(image))
            say(f"{image.reference}: {image.bytes / 1e6:,.0f} MB")
    else:
        say(f"no images: {why_no_images}")
    _write_checksums(folder)
    say(
        f"{number} is in {folder.relative_to(paths.PROJECT)}: {', '.join(sorted(one.name for one in folder.iterdir()))}"
    )
    return 0


def _checked_out(rehearse: bool) -> tuple[str, str]:
    """The commit that is checked out, and its version. Raises OperatorError where that cannot be released."""
    commit = provenance.git_commit(paths.PROJECT)
    if commit is None:
        raise OperatorError("a release is made from a commit, and this is no clone of Closecast", "clone it with git")
    if commit.endswith("-dirty"):
        if not rehearse:
            raise OperatorError("files differ from the commit", "commit or stash them; `git status` lists them")
        commit = commit.removesuffix("-dirty")
        say("what is not committed is left out")
    number = version.of_commit(paths.PROJECT, commit)
    if number is None:
        raise OperatorError("git cannot tell the version", "check that `git describe --always` works here")
    if "+" in number and not rehearse:
        raise OperatorError(
            f"the commit has no tag of a version: it is {number}",
            "tag it (`git tag v0.2.0`), or try without a tag: `just release --rehearse`",
        )
    return commit, number


def _changelog(commit: str) -> str:
    """CHANGELOG.md as it is in `commit`. Raises OperatorError where it has none."""
    command = ["git", "show", f"{commit}:CHANGELOG.md"]
    done = subprocess.run(command, cwd=paths.PROJECT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OperatorError(f"{commit[:12]} has no CHANGELOG.md: {done.stderr.strip()}", "commit one")
    return done.stdout


def _no_docker() -> str | None:
    """Why no images can be built here; None where they can."""
    try:
        docker.run("info")
    except OperatorError as error:
        return f"{error.problem.splitlines()[-1]} (`just images` builds them where a Docker daemon runs)"
    return None


def _write_checksums(folder: Path) -> None:
    files = sorted(one for one in folder.iterdir() if one.is_file())
    lines = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in files]
    write_whole(folder / "SHA256SUMS", "".join(lines))
