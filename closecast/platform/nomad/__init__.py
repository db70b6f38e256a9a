"""Nomad: service discovery, and dispatching parameterized jobs."""
