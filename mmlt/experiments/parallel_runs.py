"""Many small runs in several processes, each with a file of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager

import torch


def as_json_has_it(value: object) -> object:
    """As JSON gives it back."""
    if isinstance(value, dict):
        return {key: as_json_has_it(each) for key, each in value.items()}
    return [as_json_has_it(each) for each in value] if isinstance(value, (list, tuple)) else value


@contextmanager
def processes(num_workers: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes of one thread each; None where this one suffices."""
    if num_workers == 1:
        torch.set_num_threads(1)
        yield None
        return
    os.environ['OMP_NUM_THREADS'] = '1'  # read when a process starts
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(num_workers, context, torch.set_num_threads, (1,)) as pool:
        yield pool


def run_all(
    tasks: Iterable[tuple], work: Callable[..., float], pool: ProcessPoolExecutor | None
) -> float:
    """Do tasks, in the processes of a pool or in this one.

    Args:
        tasks: Arguments of the work.
        work: Gives CPU seconds; a function of a module.
        pool: See :func:`processes`.

    Returns:
        CPU seconds of all.
    """
    tasks = list(tasks)
    show = _shown(len(tasks))
    if pool is None:
        return sum(show(work(*task)) for task in tasks)
    futures = [pool.submit(work, *task) for task in tasks]
    try:
        return sum(show(each.result()) for each in as_completed(futures))
    except BaseException:
        pool.shutdown(cancel_futures=True)  # those that run end first; what is done is kept
        raise


def _shown(number: int) -> Callable[[float], float]:
    done, total = 0, 0.0

    def show(seconds: float) -> float:
        nonlocal done, total
        done, total = done + 1, total + seconds
        print(f'{done} of {number}, {total / 60:.1f} CPU minutes', flush=True)
        return seconds

    return show
