"""The interface that a service listens on."""

from collections.abc import Mapping

from closecast.platform.settings import required


def interface(environment: Mapping[str, str]) -> str:
    """The address to bind: CLOSECAST_BIND where it is set, otherwise the one that others use, CLOSECAST_HOST.

    An image sets it: all interfaces of a container are its own, and its address is not the one that others use.
    Raises SettingsError when neither is set.
    """
    return environment.get("CLOSECAST_BIND") or required(environment, "CLOSECAST_HOST")
