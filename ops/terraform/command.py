"""The command `tf`."""

from ops.cli.arguments import Arguments
from ops.errors import OperatorError
from ops.terraform import docs, environments, testing

_VERBS = ("plan", "apply", "destroy", "settings", "test", "docs")


def tf(arguments: list[str]) -> int:
    """Plan, apply or destroy an environment (local, staging, production), write its settings, test modules, or write their tables.

    The settings are terraform.tfvars and backend.hcl, from CLOSECAST_TFVARS and CLOSECAST_BACKEND.
    """
    given = (
        Arguments("tf", tf.__doc__)
        .place("verb", ", ".join(_VERBS))
        .place("where", "the environment; for test a module, or all when it is left out", "?")
        .flag("check", "with docs: write nothing, and fail where a README is stale")
        .given(arguments)
    )
    if given.verb == "test":
        return testing.test(given.where)
    if given.verb == "docs":
        return docs.docs(given.check)
    if given.verb not in _VERBS:
        raise OperatorError(f"tf knows no {given.verb!r}", f"use one of {', '.join(_VERBS)}")
    if given.where is None:
        raise OperatorError(
            f"{given.verb} of which environment?", f"just tf {given.verb} <local | staging | production>"
        )
    if given.verb == "settings":
        return environments.write_settings(given.where)
    return environments.change(given.verb, given.where)
