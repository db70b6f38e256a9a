"""The entry point of the operator's commands, called by the Justfile: `python -m ops <command>`."""

import sys


def main() -> int:
    from ops.errors import OperatorError
    from ops.setup import system

    try:
        # Before any import that fails on other systems.
        system.require_supported()
    except OperatorError as error:
        sys.exit(str(error))
    if sys.version_info < (3, 11):  # noqa: UP036 - before any import that an older Python could not even read
        sys.exit(
            "closecast: Python %d.%d at %s is too old; Closecast needs Python 3.11 to 3.14.\n"  # noqa: UP031
            "  remedy: install it and name it in CLOSECAST_PYTHON, or use ./just, which looks for one"
            % (sys.version_info[0], sys.version_info[1], sys.executable)
        )
    from ops.cli import terminal
    from ops.cli.dispatch import run

    terminal.adopt()
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
