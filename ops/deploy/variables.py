"""The variables of the job files for an environment in AWS, from what Terraform made and which images were pushed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.errors import OperatorError
from ops.images.build import JOBS as IMAGES

CACHE_VOLUME = "cache"  # of the client in the pool of this name: terraform/modules/nomad_cluster
_HSTS = "31536000"  # seconds: a year


@dataclass(frozen=True)
class Variables:
    """What the job files are told: `cloud` is their variable of this name."""

    ports: Mapping[str, int]
    instances: Mapping[str, int]
    cloud: Mapping[str, Mapping[str, str]]

    def hcl(self, environment: str) -> str:
        """A file of variables for `nomad job run -var-file`."""
        values = {
            "service_provider": "nomad",
            "ports": self.ports,
            "instances": self.instances,
            "cloud": self.cloud,
        }
        lines = [f"# Written by `just deploy {environment}`; a change made here is lost."]
        # What JSON calls an object is one to HCL too, but for the interpolation of texts.
        lines += [f"{name} = {_literal(value)}" for name, value in values.items()]
        return "\n".join(lines) + "\n"


def of(cloud: Mapping[str, Any], digests: Mapping[str, str], authorities: Mapping[str, str]) -> Variables:
    """The variables of an environment.

    `cloud` is Terraform's output of this name, `digests` has the reference of each image (ops.images.push), and
    `authorities` the certificates (PEM) of those who sign for `database` and `cache`. Raises OperatorError when an image
    is missing.
    """
    missing = [image for image in IMAGES if image not in digests]
    if missing:
        raise OperatorError(f"there is no digest of the image {missing[0]}", "run `just images push` again")
    host, _, port = cloud["database"].rpartition(":")
    return Variables(
        ports={"gateway": cloud["gateway_port"]},
        instances=cloud["instances"],
        cloud={
            "images": {job: digests[image] for image, jobs in IMAGES.items() for job in jobs},
            "roles": cloud["roles"],
            "database": {"host": host, "port": port, "administrator": "closecast_superuser"},
            "cache": {"volume": CACHE_VOLUME},
            "authorities": authorities,
            "gateway": {"hosts": cloud["url"].removeprefix("https://"), "hsts": _HSTS},
        },
    )


def _literal(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True).replace("${", "$${").replace("%{", "%%{")
