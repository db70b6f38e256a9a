"""Keeps BLAS to one thread: for products as small as ours, more of them do nothing but spin while they wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """For the whole process, until it is left. To find the libraries takes milliseconds: for functions that take seconds."""
    with threadpool_limits(1, "blas"):
        yield
