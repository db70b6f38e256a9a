"""Build the services' images from the last commit, by services/Dockerfile."""

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from closecast import version
from closecast.platform.runtime import provenance
from ops import paths
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.images import docker
from ops.setup import caddy_binary

# By image: the jobs that run from it. Terraform makes a repository for each (`images` of an environment).
JOBS = {
    "serving": ("api", "journal", "score", "shadow"),
    "ui": ("ui",),
    "mlflow": ("mlflow",),
    "flows": ("prefect", "prefect-worker", "trial"),
    "alerts": ("alerts", "alertmanager", "prometheus"),
    "stores": ("cache", "postgres"),
    "gateway": ("gateway",),
}
_CONTEXT = ("closecast", "flows", "ops", "policies/alerts", "services", "pyproject.toml", "hatch_build.py")
_PIP_CONFIGURATIONS = ("~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf")


@dataclass(frozen=True)
class Image:
    """An image that was built: its name (serving, ui, …), its reference for Docker, `<repository>:<commit>`, and its version."""

    name: str
    reference: str
    version: str

    @property
    def id(self) -> str:
        """`sha256:…`, which names it on this machine alone."""
        return docker.run("image", "inspect", "--format", "{{.Id}}", self.reference)

    @property
    def bytes(self) -> int:
        """Its size on disk, uncompressed."""
        return int(docker.run("image", "inspect", "--format", "{{.Size}}", self.reference))


def build(prefix: str, base: str | None) -> list[Image]:
    """Build all images as `<prefix><name>:<commit>`; `base` is the base image, by default the Dockerfile's own.

    Raises OperatorError when the project is no clone, or a build fails.
    """
    commit = provenance.git_commit(paths.PROJECT)
    if commit is None:
        raise OperatorError("images are built from a commit, and this is no clone of Closecast", "clone it with git")
    if commit.endswith("-dirty"):
        commit = commit.removesuffix("-dirty")
        say("what is not committed is not in the images")
    number = version.of_commit(paths.PROJECT, commit) or version.UNKNOWN
    context = _context(commit, number)
    images = []
    for name in JOBS:
        image = Image(name, f"{prefix}{name}:{commit[:12]}", number)
        with step(f"image {image.reference}"):
            docker.run("build", *_options(image, commit, base), "-", given=context)
        images.append(image)
    return images


def _options(image: Image, commit: str, base: str | None) -> Iterator[str]:
    yield from ("--quiet", "--file", "services/Dockerfile", "--tag", image.reference)
    yield from ("--target", image.name, "--build-arg", f"IMAGE={image.name}")
    if base is not None:
        yield from ("--build-arg", f"BASE_IMAGE={base}")
    configuration = _pip_configuration()
    if configuration is not None:
        yield from ("--secret", f"id=pip.conf,src={configuration}")
    for name, value in _labels(image, commit).items():
        yield from ("--label", f"org.opencontainers.image.{name}={value}")


def _labels(image: Image, commit: str) -> dict[str, str]:
    return {
        "title": f"closecast-{image.name}",
        "description": f"Closecast: {', '.join(JOBS[image.name])}",
        "version": image.version,
        "revision": commit,
        "created": _git("show", "--no-patch", "--format=%cI", commit).decode().strip(),
    }


def _context(commit: str, number: str) -> bytes:
    """The build context as a tar archive: files of the commit, its version, and the gateway's Caddy."""
    caddy = caddy_binary.CADDY.find_or_install().path
    archive = io.BytesIO(_git("archive", "--format=tar", commit, *_CONTEXT))
    with tarfile.open(fileobj=archive, mode="a") as more:
        for name, content, mode in (
            (version.FILE, number.encode(), 0o644),
            ("programs/caddy", caddy.read_bytes(), 0o755),
        ):
            added = tarfile.TarInfo(name)
            added.size, added.mode = len(content), mode
            more.addfile(added, io.BytesIO(content))
    return archive.getvalue()


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=paths.PROJECT, capture_output=True, check=False)
    if done.returncode:
        raise OperatorError(
            f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}", "mend what it names"
        )
    return done.stdout


def _pip_configuration() -> Path | None:
    named = os.environ.get("PIP_CONFIG_FILE")
    known = [Path(named)] if named else [Path(one).expanduser() for one in _PIP_CONFIGURATIONS]
    return next((one for one in known if one.is_file()), None)
