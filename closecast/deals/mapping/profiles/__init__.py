"""The mappings that ship with Closecast: one file for each CRM's way of exporting."""

from functools import cache
from importlib import resources

from closecast.deals.mapping.document import Mapping, parse


@cache
def shipped() -> tuple[Mapping, ...]:
    """All profiles, by name."""
    files = sorted(resources.files(__package__).iterdir(), key=lambda file: file.name)
    return tuple(parse(file.read_bytes()) for file in files if file.name.endswith(".yaml"))
