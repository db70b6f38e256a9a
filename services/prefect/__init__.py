"""Prefect's two processes: the server, and the worker that runs the flows."""

WORK_POOL = "closecast"
# The tag of runs that may be restarted from the beginning after a crash.
REPEATABLE = "repeatable"
# Including the first: a run that always crashes must not be restarted forever.
MOST_ATTEMPTS = 3
