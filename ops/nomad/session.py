"""The session of a command on the running platform: agent, credentials and a client of Nomad."""

from dataclasses import dataclass, replace

from ops.down import processes_of
from ops.errors import OperatorError
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster
from ops.nomad.jobs import Cli
from ops.setup import nomad_binary
from ops.setup.credentials import Credentials


@dataclass(frozen=True)
class Session:
    """A connection to the running platform with the operator's rights."""

    agent: Agent
    credentials: Credentials
    cluster: Cluster
    cli: Cli

    def managing(self) -> "Session":
        """Switch to the management token, which may submit and stop jobs, and so is equivalent to root on this machine."""
        token = self.credentials.nomad_management_token
        return replace(self, cluster=Cluster(self.agent.address, token), cli=replace(self.cli, token=token))


def connect() -> Session:
    """Connect to the running platform. Raises OperatorError when it is down."""
    credentials = Credentials.load()
    agent = Agent.of_state()
    if not agent.is_running():
        if processes_of(agent.data):
            raise OperatorError(
                "the Nomad agent is not running; the services go on, but nothing supervises them", "run `just up`"
            )
        raise OperatorError("the platform is down: no Nomad agent of this project is running", "run `just up`")
    nomad = nomad_binary.find()
    if nomad is None:
        raise OperatorError(
            "the Nomad executable is gone from PATH and from the cache", "run `just up`, which gets it again"
        )
    token = credentials.nomad_operator_token or credentials.nomad_management_token
    return Session(agent, credentials, Cluster(agent.address, token), Cli(nomad, agent, token))
