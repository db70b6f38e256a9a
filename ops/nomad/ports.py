"""Find out which process holds a port that the platform needs, before anything is started."""

import socket

import psutil

from ops.errors import OperatorError
from ops.nomad.agent import Agent
from ops.nomad.jobs import Cli


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Describe the process that listens on `port`, as far as this user may see it."""
    try:
        listening = [
            one
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
        ]
        process = psutil.Process(next(one.pid for one in listening if one.pid))
        return f"process {process.pid} ({' '.join(process.cmdline())[:80]})"
    except (psutil.Error, StopIteration):
        return "a process that this user may not see"


def require_free(agent: Agent) -> None:
    """Raise OperatorError when a port that the agent needs is taken, with a special message for another Nomad agent."""
    for port in [port for role in agent.roles if not role.is_running() for port in agent.ports_of(role)]:
        if is_free(port):
            continue
        who = holder(port)
        what = (
            "a Nomad agent that is not this project's already runs"
            if "nomad" in who and "agent" in who
            else "port taken"
        )
        raise OperatorError(
            f"{what}: {who} holds port {port}, which Nomad needs (its four ports are {agent.ports[0]} to {agent.ports[-1]})",
            "end that process, or let this project's agent use other ports: CLOSECAST_NOMAD_PORT=14646 just up",
        )


def require_job_ports_free(cli: Cli, job: str) -> None:
    """Raise OperatorError when a static port of a job that does not run yet is taken."""
    for port in cli.fixed_ports(job).values():
        if not is_free(port):
            raise OperatorError(
                f"port taken: {holder(port)} holds port {port}, which the job {job} needs",
                f"end that process, or give {job} another port in jobs/vars/local.hcl",
            )
