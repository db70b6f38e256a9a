"""Parse an operator's command line, prepare what the command needs, and turn failures into one message."""

import errno
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ops.cli import progress
from ops.cli.arguments import Arguments
from ops.errors import OperatorError
from ops.paths import PYTHON
from ops.setup import caddy_binary, environment, metrics_binaries, nomad_binary, preflight, programs_for_tests
from ops.setup.metrics_binaries import ALERTMANAGER, PROMETHEUS
from ops.setup.opa_binary import OPA

Command = Callable[[list[str]], int]


def run(arguments: list[str]) -> int:
    """Run the command and return its exit status. Every expected failure becomes one message with a remedy."""
    progress.started()
    try:
        return _dispatch(arguments)
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nclosecast: interrupted; nothing is lost. `just up` goes on from here, `just down` stops what was started",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # `just logs api | head` has closed the pipe; Python must not fail when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(
            f"closecast: the disk is full ({error.filename or 'while writing'})\n"
            "  remedy: free some space and run the command again; it goes on from where it stopped",
            file=sys.stderr,
        )
        return 1


def _dispatch(arguments: list[str]) -> int:
    name, *rest = arguments or ["help"]
    if name == "doctor":
        from ops.setup.doctor import doctor

        return doctor()
    if name == "environment":
        _prepare(development="--dev" in rest)
        if "--programs" in rest:
            _get_programs()
        return 0
    if name == "test-programs":
        return programs_for_tests.install(rest)
    if name == "up":
        return _up(rest)
    _continue_in_environment(arguments)
    from ops.cli.commands import COMMANDS

    if name not in COMMANDS:
        raise OperatorError(
            f"there is no command {name!r}", f"use one of {', '.join(sorted(COMMANDS))}; `just` lists them"
        )
    return COMMANDS[name](rest)


def _up(rest: list[str]) -> int:
    if not environment.is_active():
        _arguments_of_up(rest)  # report invalid arguments before spending minutes
        preflight.require()
        _get_programs_and_environments()
        _continue_in_environment(["up", *rest])
    from ops.up import up

    return up(rest)


def _arguments_of_up(rest: list[str]) -> None:
    Arguments("up", "Bring everything up and answer a first prediction.").data().given(rest)


def _get_programs_and_environments() -> None:
    """Get Caddy in parallel with the rest: building it takes a minute."""
    with ThreadPoolExecutor(1) as beside:
        gateway = beside.submit(caddy_binary.CADDY.find_or_install)
        metrics = beside.submit(_get_metrics)
        _prepare()
        with progress.step("Nomad"):
            nomad = nomad_binary.find_or_install()
        progress.say(f"  using {nomad}")
        with progress.step("Caddy"):
            without = gateway.exception()
        with progress.step("Prometheus and Alertmanager"):
            progress.say(f"  {metrics.result()}")
    if isinstance(without, OperatorError):
        # TLS is for callers from other machines: everything else works without it.
        progress.say(f"  {caddy_binary.ABSENT}: {without.problem}")
    elif without is not None:
        raise without
    else:
        progress.say(f"  using {gateway.result()}")


def _get_metrics() -> str:
    """Get Prometheus and Alertmanager; returns which are used, or why there are none: everything else works without."""
    try:
        found = [program.find_or_install() for program in (PROMETHEUS, ALERTMANAGER)]
    except OperatorError as error:
        return f"{metrics_binaries.ABSENT}: {error.problem}"
    return f"using {' and '.join(map(str, found))}"


def _get_programs() -> None:
    """Get the programs that tests start; if one is not available, say why, and its tests are skipped."""
    for program in (nomad_binary.NOMAD, caddy_binary.CADDY, OPA, PROMETHEUS, ALERTMANAGER):
        if program.find() is None:
            try:
                with progress.step(program.title):
                    program.find_or_install()
            except OperatorError as error:
                progress.say(f"  without {program.title} its tests are skipped: {error.problem}")


def _prepare(development: bool = False) -> None:
    wanted = [environment.DEVELOPMENT] if development else [environment.RUNTIME]
    if not development and environment.runtime_is_ready():
        wanted = []
    for one in [*wanted, environment.LOCALSTACK]:
        if not one.is_ready():
            with progress.step(f"Python environment {one.folder.name} from {one.lock.name}"):
                one.prepare()


def _continue_in_environment(arguments: list[str]) -> None:
    """Replace this process by the services' Python, unless it already is."""
    if environment.is_active():
        return
    if not PYTHON.exists():
        raise OperatorError(
            "the platform has never been up here: its Python environment is missing", "run `just up` first"
        )
    sys.stdout.flush()
    os.execv(str(PYTHON), [str(PYTHON), "-X", "utf8", "-m", "ops", *arguments])
