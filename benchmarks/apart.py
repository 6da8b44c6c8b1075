"""Work in a fresh process: no other one's memory, modules or threads in its way."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def apart[**P, T](work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Return what a function of a module returns that runs in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments, **named).result()
