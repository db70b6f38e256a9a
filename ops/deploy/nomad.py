"""The Nomad of an environment in AWS, as the operator's environment names it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OperatorError
from ops.nomad.cluster import Cluster
from ops.setup import nomad_binary

_NEEDED = ("NOMAD_ADDR", "NOMAD_TOKEN")


@dataclass(frozen=True)
class Session:
    """Nomad's API and its command line, both with the address and the token of the environment."""

    program: Path
    cluster: Cluster

    def run(self, *arguments: str, capture: bool = False) -> "subprocess.CompletedProcess[str]":
        """Run `nomad <arguments>`."""
        command = [str(self.program), *arguments]
        return subprocess.run(command, capture_output=capture, encoding="utf-8", errors="replace", check=False)


def connect() -> Session:
    """Connect to the Nomad of NOMAD_ADDR, NOMAD_TOKEN and NOMAD_CACERT. Raises OperatorError when one is not set."""
    for name in _NEEDED:
        if not os.environ.get(name):
            raise OperatorError(
                f"the environment variable {name} is not set",
                "docs/deployment.md says how to reach the Nomad of an environment",
            )
    cluster = Cluster(os.environ["NOMAD_ADDR"], os.environ["NOMAD_TOKEN"], os.environ.get("NOMAD_CACERT"))
    return Session(nomad_binary.find_or_install().path, cluster)
