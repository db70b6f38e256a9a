"""Limit BLAS to one thread: for small products, more threads only spin while they wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS of the whole process inside the block.

    Finding the libraries takes milliseconds: use it around slow functions.
    """
    with threadpool_limits(1, "blas"):
        yield
