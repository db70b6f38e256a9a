"""The command `down`: stop the jobs, then the agent, and leave no process, port or mount of this project."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil

from ops import paths
from ops.cli.arguments import Arguments
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster, wait
from ops.setup import accounts
from ops.setup.credentials import Credentials

# Jobs that write stop before those they write to.
_WAVES = (
    ("prometheus", "gateway", "ui", "api", "prefect-worker"),
    ("alertmanager", "prefect", "mlflow", "journal", "shadow"),
    ("alerts",),
    ("localstack", "cache", "postgres"),
)


def down(arguments: list[str]) -> int:
    """Stop everything; with `--purge` also delete the data, including the credentials."""
    purge = (
        Arguments("down", down.__doc__)
        .flag("purge", "also delete the data, including the credentials")
        .given(arguments)
        .purge
    )
    agent = Agent.of_state()
    stop(agent)
    if purge:
        _purge(paths.state())
        accounts.remove()
    left = [process.pid for process in processes_of(agent.data)] + mounts_below(agent.data)
    if left:
        raise OperatorError(
            f"something is left: {left}", "end these processes or unmount these folders, then run it again"
        )
    say("everything is stopped" + ("; the data is deleted" if purge else f"; the data is kept in {paths.state()}"))
    return 0


def stop(agent: Agent) -> None:
    """Stop the jobs, then the agent, and kill leftover processes."""
    running = agent.processes()
    if len(running) == len(agent.roles):
        _stop_jobs(agent)
    if running:
        with step("Nomad agent stopped"):
            agent.stop()
    sweep(agent.data)


def _stop_jobs(agent: Agent) -> None:
    try:
        credentials = Credentials.load()
        agent.wait_for_leader()
    except OperatorError as error:
        # A half-finished `up`: without a token Nomad cannot be used, and the sweep ends what it started.
        say(f"the jobs cannot be stopped through Nomad ({error.problem}); ending their processes instead")
        return
    cluster = Cluster(agent.address, credentials.nomad_management_token)
    wanted = {name for name in jobs.NAMES if cluster.is_wanted(name)}
    instances = [instance for name in jobs.BATCH for instance in cluster.instances(name)]
    batch = [*instances, *(name for name in jobs.BATCH if cluster.is_wanted(name))]
    if batch:
        with step(f"stopped {', '.join(batch)}"):
            for name in batch:
                cluster.stop(name)
            wait_for_end(cluster, instances, "the end of batch jobs")
    for wave in _WAVES:
        names = [name for name in wave if name in wanted]
        if "localstack" in names:
            flush(cluster)
        if names:
            with step(f"stopped {', '.join(names)}"):
                for name in names:
                    cluster.stop(name)
                wait_for_end(cluster, names, f"the end of {', '.join(names)}")


def wait_for_end(cluster: Cluster, names: Sequence[str], what: str, seconds: float = 60, idle: float = 10) -> None:
    """Wait until no allocation of the stopped jobs `names` may still run. Raises OperatorError saying that `what` did not happen.

    A client that was killed while it restored its allocations can leave one `pending` or `running` with the server for
    good, though it ended long ago. So one that has had no process for `idle` seconds counts as ended too.
    """
    last_seen = time.monotonic()

    def ended() -> bool:
        nonlocal last_seen
        live = {allocation for name in names for allocation in cluster.live_allocations(name)}
        if _have_processes(live):
            last_seen = time.monotonic()
        return not live or time.monotonic() - last_seen > idle

    wait(ended, seconds, what)


def _have_processes(allocations: set[str]) -> bool:
    for process in psutil.process_iter():
        try:
            if process.environ().get("NOMAD_ALLOC_ID") in allocations:
                return True
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return False


def flush(cluster: Cluster) -> None:
    """Make the companion copy the newest objects to disk while LocalStack still runs."""
    allocation = cluster.allocation("localstack")
    companion = next((port for port in allocation.ports if port.label == "companion"), None) if allocation else None
    if companion is None:
        return
    try:
        answer = httpx.post(f"http://{companion.host}:{companion.number}/flush", timeout=30)
        problem = None if answer.is_success else str(answer.json()["error"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        problem = f"the companion does not answer: {error}; the mirror holds what was there a second before it failed"
    say(f"✗ no last copy to the mirror: {problem}" if problem else "✓ objects copied to the mirror on disk")


def processes_of(data: Path) -> list[psutil.Process]:
    """Processes that Nomad started from the agent's data folder: tasks, found by their environment, and their supervisors.

    Nothing but the files that it has open says which agent a collector of logs (logmon) is of.
    """
    marker, found = str(data), []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            command = process.cmdline()
            minds = any(marker in part for part in command if not part.startswith("-config="))
            writes = "logmon" in command and any(one.startswith(marker) for one in _open_files(process.pid))
            if minds or writes or process.environ().get("NOMAD_ALLOC_DIR", "").startswith(marker):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def _open_files(process: int) -> list[str]:
    """Also pipes with a name and files that were deleted, which psutil leaves out. Empty for a process that ends."""
    try:
        return [str(one.readlink()) for one in Path(f"/proc/{process}/fd").iterdir()]
    except OSError:
        return []


def mounts_below(folder: Path) -> list[str]:
    """Mount points below `folder`, innermost first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(f"{folder}/")), key=len, reverse=True)


def sweep(data: Path) -> None:
    """End what a killed agent left: SIGTERM to the tasks, then to their supervisors, then SIGKILL."""
    left = processes_of(data)
    if left:
        with step(f"ended {len(left)} processes that outlived their agent"):
            supervisors = [process for process in left if _supervises_tasks(process)]
            for group in ([process for process in left if process not in supervisors], supervisors):
                for process in group:
                    _signal(process, "terminate")
                _, stubborn = psutil.wait_procs(group, timeout=20)
                for process in stubborn:
                    _signal(process, "kill")
                psutil.wait_procs(stubborn, timeout=5)
    for point in mounts_below(data):
        done = subprocess.run(["umount", point], capture_output=True, encoding="utf-8", errors="replace", check=False)
        if done.returncode:
            raise OperatorError(f"{point} cannot be unmounted: {done.stderr.strip()}", f"run `umount {point}` as root")


def _supervises_tasks(process: psutil.Process) -> bool:
    try:
        return any(word in process.cmdline() for word in ("executor", "logmon"))
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        return


def _purge(folder: Path) -> None:
    known = folder / "credentials.json"
    ours = ("nomad", "runtime")
    if (
        folder.exists()
        and not known.exists()
        and any(folder.iterdir())
        and not any((folder / one).exists() for one in ours)
    ):
        raise OperatorError(
            f"{folder} does not look like Closecast's data", "check CLOSECAST_STATE; nothing was deleted"
        )
    with step(f"deleted {folder}"):
        shutil.rmtree(folder, ignore_errors=False) if folder.exists() else None
