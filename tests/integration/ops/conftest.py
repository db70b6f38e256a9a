"""The state folder of a test, as the unit tests have it."""

from tests.unit.ops.conftest import state

__all__ = ["state"]
