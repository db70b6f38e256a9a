"""The command `images`."""

from closecast.platform.runtime.files import write_whole
from ops import paths
from ops.cli.arguments import Arguments
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.images import build, sbom
from ops.images.push import push

BILLS = paths.LOCAL / "images"
LOCAL_PREFIX = "closecast/"


def images(arguments: list[str]) -> int:
    """Build the services' images from the last commit, with a bill of materials beside each; or push them."""
    given = (
        Arguments("images", images.__doc__)
        .place("verb", "push, to the registry of an environment too", "?")
        .place("environment", "whose registry: staging or production", "?")
        .option("base", str, "the base image (default: the Dockerfile's own, python:3.11-slim-bookworm)", value="image")
        .option("registry", str, "push there instead: <host>/<folder>", value="address")
        .given(arguments)
    )
    if given.verb not in (None, "push"):
        raise OperatorError(
            f"images knows no {given.verb!r}", "write `just images` or `just images push <environment>`"
        )
    if given.verb == "push" and given.environment is None:
        raise OperatorError("push to the registry of which environment?", "just images push <staging | production>")
    made = build.build(LOCAL_PREFIX, given.base)
    BILLS.mkdir(parents=True, exist_ok=True)
    for image in made:
        with step(f"bill of materials of {image.name}"):
            write_whole(BILLS / f"{image.name}.cdx.json", sbom.bill(image))
        say(f"{image.reference}: {image.bytes / 1e6:,.0f} MB")
    if given.verb == "push":
        file = push(made, given.environment, given.registry)
        say(f"digests are in {file.relative_to(paths.PROJECT)}")
    return 0
