"""Kaggle's credentials on their way from the operator's environment to the flows, as items of the worker's Nomad Variable."""

from collections.abc import Mapping

VARIABLES = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "CLOSECAST_KAGGLE_ENDPOINT")


def items(environment: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """An item for each of VARIABLES, empty where there is none: a template that asks for an absent item waits for ever.

    Once one of them is set in `environment`, set to nothing included, they are taken from there; else those `kept` stay.
    """
    named = any(name in environment for name in VARIABLES)
    return {
        name.lower(): environment.get(name, "").strip() if named else kept.get(name.lower(), "") for name in VARIABLES
    }
