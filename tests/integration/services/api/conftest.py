"""The service as its unit tests have it: a real model in its local cache, and a registry that is away."""

from tests.unit.services.api.conftest import address, anonymous, cache, client, served

__all__ = ["address", "anonymous", "cache", "client", "served"]
