"""Pass Kaggle's credentials from the operator's environment to the flows, as items of the worker's Nomad Variable."""

from collections.abc import Mapping

VARIABLES = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "CLOSECAST_KAGGLE_ENDPOINT")


def items(environment: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """An item for each of VARIABLES, possibly empty: a template waits forever for an absent item.

    If one of them is set in `environment`, even to an empty value, all are taken from there; else those of `kept` stay.
    """
    named = any(name in environment for name in VARIABLES)
    return {
        name.lower(): environment.get(name, "").strip() if named else kept.get(name.lower(), "") for name in VARIABLES
    }
