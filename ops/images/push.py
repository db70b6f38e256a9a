"""Push images to the registry of an environment, and note by which digests it has them."""

import json
from pathlib import Path

from closecast.platform.runtime.files import write_whole
from ops import paths
from ops.cli.progress import step
from ops.errors import OperatorError
from ops.images import docker
from ops.images.build import JOBS, Image
from ops.terraform import outputs


def digests_file(environment: str) -> Path:
    """Where the digests of the images of `environment` are noted, for `just deploy`."""
    return paths.JOBS / "vars" / f"{environment}.images.json"


def push(images: list[Image], environment: str, registry: str | None = None) -> Path:
    """Push `images` to the registry that Terraform made for `environment`, or to `registry` (`<host>/<folder>`).

    Returns the file that notes their digests. Raises OperatorError when the registry refuses.
    """
    if registry is None:
        repositories = outputs.cloud(environment)["images"]
    else:
        repositories = {name: f"{registry.rstrip('/')}/{name}" for name in JOBS}
    digests = {}
    for image in images:
        there = f"{repositories[image.name]}:{image.reference.rpartition(':')[2]}"
        with step(f"pushed {there}"):
            docker.run("tag", image.reference, there)
            docker.run("push", "--quiet", there)
        digests[image.name] = _digest(there, repositories[image.name])
    file = digests_file(environment)
    write_whole(file, json.dumps(digests, indent=2) + "\n")
    return file


def _digest(reference: str, repository: str) -> str:
    """`<repository>@sha256:…` of an image that was pushed."""
    known = json.loads(docker.run("image", "inspect", "--format", "{{json .RepoDigests}}", reference))
    found = [one for one in known if one.startswith(f"{repository}@")]
    if len(found) != 1:
        raise OperatorError(f"{repository} has no digest of {reference}", "push it again")
    return str(found[0])
