"""Prefect's two processes: the server, and the worker that runs the flows."""

WORK_POOL = "closecast"
# The tag of runs that may be tried again from their beginning after a crash.
REPEATABLE = "repeatable"
# With the first one: a run that ends its process each time must not do so for ever.
MOST_ATTEMPTS = 3
