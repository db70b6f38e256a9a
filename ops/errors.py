"""The error of the operator's commands, which is that of the library's."""

from closecast.cli.errors import CommandError as OperatorError

__all__ = ["OperatorError"]
