"""Dispatched instances on a real Nomad, which is killed, stopped, and slow to answer meanwhile."""

import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from closecast.platform.nomad.dispatch import Dispatcher, DispatchError, NomadAwayError, NomadSettings
from ops.down import sweep
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster, wait
from ops.nomad.jobs import Cli
from ops.setup import nomad_binary
from ops.setup.credentials import Credentials
from tests.servers.processes import free_ports
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("nomad")]
_META: dict[str, str] = {}
_JOB = """
job "nap" {
  type = "batch"
  parameterized { meta_required = ["seconds", "status", "done"] }
  group "nap" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "nap" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "sleep ${NOMAD_META_seconds}; : > ${NOMAD_META_done}; exit ${NOMAD_META_status}"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
"""


class Nomad:
    """An agent of these tests' own, with the job `nap`."""

    def __init__(self, agent: Agent, token: str) -> None:
        self.agent, self.token = agent, token
        self.cluster = Cluster(agent.address, token)
        self.told: list[str] = []

    def dispatcher(self, patience: float = 120, address: str | None = None, token: str | None = None) -> Dispatcher:
        self.told = []
        settings = NomadSettings(address or self.agent.address, token or self.token)
        return Dispatcher(settings, patience, self.told.append)

    def start(self) -> None:
        nomad = nomad_binary.find()
        assert nomad is not None
        self.agent.start(nomad, _META)
        self.agent.wait_for_leader(60)

    def signal(self, number: signal.Signals) -> None:
        process = self.agent.process()
        assert process is not None
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait(20)
        elif number == signal.SIGSTOP:
            # Each thread stops by itself, and until the last one has there may be an answer.
            threads = Path(f"/proc/{process.pid}/task")
            until(lambda: all(_state(thread) == "T" for thread in threads.iterdir()))

    def purge(self, instance: str) -> None:
        url, header = f"{self.agent.address}/v1/job/{quote(instance, safe='')}", {"X-Nomad-Token": self.token}
        httpx.delete(url, params={"purge": "true"}, headers=header, trust_env=False).raise_for_status()

    def instances(self) -> set[str]:
        return set(self.cluster.instances("nap"))


@pytest.fixture(scope="module")
def nomad() -> Iterator[Nomad]:
    found = nomad_binary.find()
    if found is None:
        pytest.skip("there is no Nomad on this machine yet: `./just up` gets one")
    state = Path(tempfile.mkdtemp(prefix="closecast-nomad-"))
    state.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSECAST_STATE", str(state))
        patch.setenv("CLOSECAST_NOMAD_PORT", str(free_ports(4)))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        agent = Agent.of_state()
        token = Credentials.load_or_create().nomad_management_token
        one = Nomad(agent, token)
        try:
            one.start()
            one.cluster.bootstrap(token)
            wait(one.cluster.node_is_ready, 90, "the registration of the node")
            file = state / "nap.nomad.hcl"
            file.write_text(_JOB)
            done = Cli(found, agent, token).run("job", "run", "-detach", str(file))
            assert done.returncode == 0, done.stderr
            yield one
            for instance in one.instances():
                one.cluster.stop(instance)
            wait(lambda: not one.instances(), 60, "the end of the instances")
        finally:
            agent.stop()
            sweep(agent.data)
            shutil.rmtree(state, ignore_errors=True)


def _nap(dispatcher: Dispatcher, seconds: int, status: int = 0, done: str = "/dev/null") -> str:
    """An instance that sleeps, writes the file `done`, and ends with `status`."""
    return dispatcher.dispatch("nap", {"seconds": str(seconds), "status": str(status), "done": done})


def _never(_instance: str) -> bool:
    return False


def _end(dispatcher: Dispatcher, instance: str, seconds: float = 90) -> str:
    *_, last = dispatcher.follow([instance], seconds, _never)
    return last[instance]


def _later(seconds: float, act: Callable[[], None]) -> threading.Thread:
    thread = threading.Timer(seconds, act)
    thread.start()
    return thread


def test_instances_are_followed_to_their_ends(nomad: Nomad) -> None:
    dispatcher = nomad.dispatcher()
    good, bad = _nap(dispatcher, 1), _nap(dispatcher, 1, status=3)
    *_, last = dispatcher.follow([good, bad], 90, _never)
    assert last == {good: "complete", bad: "failed"}
    assert nomad.told == []


def test_an_instance_whose_work_is_done_is_complete_whatever_nomad_calls_it(nomad: Nomad) -> None:
    # given one that runs on
    dispatcher = nomad.dispatcher()
    instance = _nap(dispatcher, 600)
    asked: list[str] = []

    def is_done(one: str) -> bool:
        asked.append(one)
        return len(asked) > 1

    # when / then it is believed to run until its work is found to be done
    states = [states[instance] for states in dispatcher.follow([instance], 300, is_done)]
    nomad.cluster.stop(instance)
    assert states[-2:] == ["running", "complete"]
    assert asked == [instance, instance]


@pytest.mark.timeout(400)
def test_an_agent_that_is_killed_and_comes_back_costs_nothing_but_time(nomad: Nomad) -> None:
    # given an instance that ends while the agent is away
    dispatcher = nomad.dispatcher()
    instance = _nap(dispatcher, 8)
    wait(lambda: dispatcher.state(instance) == "running", 60, "its start")

    def away() -> None:
        nomad.signal(signal.SIGKILL)
        time.sleep(20)  # noqa: TID251 - how long Nomad is away is what is tried
        nomad.start()

    thread = _later(0, away)
    # when / then
    assert _end(dispatcher, instance, 120) == "complete"
    thread.join()
    assert len(nomad.told) == 1
    assert "does not answer" in nomad.told[0]


def test_an_agent_that_hangs_is_waited_for(nomad: Nomad, tmp_path: Path) -> None:
    dispatcher = nomad.dispatcher()
    done = tmp_path / "done"
    instance = _nap(dispatcher, 1, done=str(done))
    nomad.signal(signal.SIGSTOP)
    thread = _later(35, lambda: nomad.signal(signal.SIGCONT))
    # The seconds without an answer are not counted. The server may well have missed the end.
    *_, last = dispatcher.follow([instance], 30, lambda _: done.exists())
    assert last[instance] == "complete"
    thread.join()


def test_a_dispatch_whose_answer_is_lost_starts_one_instance(nomad: Nomad) -> None:
    # given a network that loses the first answer
    before = nomad.instances()
    with _losing_the_first_answer(nomad.agent.port) as address:
        dispatcher = nomad.dispatcher(address=address)
        # when
        instance = _nap(dispatcher, 20)
    # then
    assert len(nomad.told) == 1
    assert nomad.instances() - before == {instance}


def _state(thread: Path) -> str:
    """The letter that Linux gives it, T while it is stopped."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def test_an_agent_that_stays_away_is_told(nomad: Nomad) -> None:
    # given
    dispatcher = nomad.dispatcher(patience=3)
    instance = _nap(dispatcher, 60)
    nomad.signal(signal.SIGSTOP)
    # when / then
    try:
        with pytest.raises(NomadAwayError, match="does not answer"):
            dispatcher.state(instance)
    finally:
        nomad.signal(signal.SIGCONT)
    nomad.cluster.stop(instance)
    wait(lambda: instance not in nomad.instances(), 60, "its end")


def test_an_instance_is_dead_only_when_nomad_says_so_again_and_again(nomad: Nomad) -> None:
    # given an instance that is taken out of Nomad altogether
    dispatcher = nomad.dispatcher()
    instance = _nap(dispatcher, 60)
    nomad.purge(instance)
    # when
    begin = time.monotonic()
    states = [one[instance] for one in dispatcher.follow([instance], 90, _never)]
    # then
    assert dispatcher.state(instance) == "dead"
    assert states[-1] == "dead"
    assert set(states[:-1]) <= {"pending", "running"}
    assert time.monotonic() - begin > 9


def test_what_nomad_refuses_is_told_with_its_reason(nomad: Nomad) -> None:
    with pytest.raises(DispatchError, match=r"did not dispatch absent: .*not found"):
        nomad.dispatcher().dispatch("absent", {})
    with pytest.raises(DispatchError, match=r"did not dispatch nap: .*seconds"):
        nomad.dispatcher().dispatch("nap", {"status": "0"})
    stranger = nomad.dispatcher(patience=2, token="00000000-0000-0000-0000-000000000000")
    with pytest.raises(NomadAwayError, match=r"403|ACL|Permission"):
        stranger.dispatch("nap", {"seconds": "1", "status": "0"})
    instance = _nap(nomad.dispatcher(), 30)
    with pytest.raises(DispatchError, match="1 of 1 instances have not ended within 1 s"):
        _end(nomad.dispatcher(), instance, 1)
    nomad.cluster.stop(instance)
    wait(lambda: instance not in nomad.instances(), 60, "its end")


class _losing_the_first_answer:  # noqa: N801 - a context, written as one
    """A proxy to `port` that closes the first connection once the server has answered on it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lose = True

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller, socket.create_connection(("127.0.0.1", self._port)) as server:
                caller.settimeout(1)
                while True:
                    try:
                        server.sendall(caller.recv(65536))
                    except TimeoutError:
                        break
                    answer = server.recv(65536) if _readable(server) else b""
                    if answer:
                        if not self._lose:
                            caller.sendall(answer)
                        self._lose = False
                        break


def _readable(server: socket.socket) -> bool:
    import select

    return bool(select.select([server], [], [], 5)[0])
