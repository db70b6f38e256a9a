"""The program `closecast`: `closecast <command> …`."""

import errno
import os
import sys
from collections.abc import Callable
from importlib import import_module

import closecast
from closecast.cli.errors import CommandError

# By name: the module, its function, and what it does. Imported when asked for: libraries take seconds.
COMMANDS = {
    "check": (
        "closecast.cli.check",
        "check",
        "say what is made of an export, and whether a model can be trained on it",
    ),
    "map": ("closecast.cli.mapping", "propose_mapping", "propose a mapping for the export of another CRM"),
    "evaluate": ("closecast.cli.evaluate", "evaluate", "measure a model against baselines on held-out dates"),
    "train": ("closecast.cli.train", "train", "train a model and keep it in a folder"),
    "predict": ("closecast.cli.predict", "predict", "rank the open deals of an export with a model in a folder"),
}


def usage() -> str:
    """What `closecast --help` prints."""
    lines = [f"  {name:10}{does}" for name, (_, _, does) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: closecast <command> …",
            "",
            "Which open deals will be won, and by when: the library's commands, which need no platform.",
            "",
            *lines,
            "",
            "`closecast <command> --help` says more; `closecast --version` prints the version.",
        ]
    )


def main() -> int:
    """Run the command of the process's arguments and return its exit status: 2 where its answer is no, 1 after an error."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may lack a sign, such as the check mark
    try:
        return run(sys.argv[1:])
    except CommandError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nclosecast: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `closecast check … | head` has closed the pipe; Python must not fail when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(
            f"closecast: the disk is full ({error.filename or 'while writing'})\n  remedy: free some space and run it again",
            file=sys.stderr,
        )
    return 1


def run(arguments: list[str]) -> int:
    """Run a command. Raises CommandError."""
    name, *rest = arguments or ["--help"]
    if name in ("--help", "-h", "help"):
        print(usage())
        return 0
    if name == "--version":
        print(f"closecast {closecast.__version__}")
        return 0
    if name not in COMMANDS:
        raise CommandError(f"there is no command {name!r}", f"use one of {', '.join(COMMANDS)}; `closecast --help`")
    module, function, _ = COMMANDS[name]
    command: Callable[[list[str]], int] = getattr(import_module(module), function)
    return command(rest)


if __name__ == "__main__":
    sys.exit(main())
