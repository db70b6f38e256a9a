"""Prefect's two processes: the server, and the worker that runs the flows."""

WORK_POOL = "closecast"
