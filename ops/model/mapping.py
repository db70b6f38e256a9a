"""The platform's own mapping of a CRM's columns."""

from closecast.platform.settings import MAPPING_VARIABLE
from ops.prefect.pipeline import Prefect


def own_mapping(prefect: Prefect) -> str | None:
    """The text of the platform's mapping; None where its source needs none."""
    return prefect.variable(MAPPING_VARIABLE) or None


def set_own_mapping(prefect: Prefect, text: str | None) -> None:
    """Make `text` the platform's mapping, with which its own source is read from now on."""
    if own_mapping(prefect) != text:
        prefect.set_variable(MAPPING_VARIABLE, text or "")
