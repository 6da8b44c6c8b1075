"""Work in a fresh process: no other one's memory, modules or threads in its way."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any


def apart[**P, T](work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Return what a function of a module returns that runs in a process of its own."""
    with _process() as pool:
        return pool.submit(work, *arguments, **named).result()


class Apart[**P]:
    """An object that lives in a process of its own, and is called there."""

    def __init__(self, make: Callable[P, object], *arguments: P.args, **named: P.kwargs) -> None:
        """Make it."""
        self._pool = _process()
        self._pool.submit(_keep, partial(make, *arguments, **named)).result()

    def call(self, method: str) -> Any:  # noqa: ANN401  # whatever the method returns
        """Return what one of its methods returns."""
        return self._pool.submit(_call, method).result()

    def close(self) -> None:
        """End its process."""
        self._pool.shutdown()


_made: list[object] = []
"""In the process of its own: the object."""


def _keep(make: Callable[[], object]) -> None:
    _made.append(make())


def _call(method: str) -> object:
    return getattr(_made[-1], method)()


def _process() -> ProcessPoolExecutor:
    """Return a process that shares nothing with this one."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
