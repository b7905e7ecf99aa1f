"""Tasks in several fresh processes, with their progress."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import cv2

#: So often progress is told, s.
_TELL_EVERY_SEC = 0.25

#: Called with how much of a task has been done since.
Tell = Callable[[int], object]
#: Does tasks: ``run(work, tasks, tell)`` gives the result of ``work(task, tell)`` for each task.
Run = Callable[[Callable[[Any, Tell], Any], Sequence[Any], Tell], list]

_counter: Any = None  # of a worker: what all of them have done


@contextmanager
def start_workers(number: int) -> Iterator[Run]:
    """Processes of one thread each; with 1 the work is done in this one.

    They are new ones, not forks: the caller may hold threads that a fork would leave locked. They
    end with the caller, also when it is killed.

    Args:
        number: Of processes.

    Yields:
        What to call with a function of a module, tasks and what to tell progress; see ``Run``.

    Raises:
        ChildProcessError: A process was killed.
    """
    if number == 1:
        yield lambda work, tasks, tell: [work(task, tell) for task in tasks]
        return
    os.environ['OMP_NUM_THREADS'] = '1'  # read when a process starts
    context = multiprocessing.get_context('spawn')
    counter = context.Value('q', 0)
    with ProcessPoolExecutor(number, context, _begin, (counter,)) as pool:

        def run(work: Callable, tasks: Sequence, tell: Tell) -> list:
            futures = [pool.submit(_do, work, task) for task in tasks]
            told, waiting = counter.value, set(futures)
            try:
                while waiting:
                    done, waiting = wait(waiting, _TELL_EVERY_SEC, FIRST_COMPLETED)
                    now = counter.value
                    tell(now - told)
                    told = now
                    for future in done:
                        future.result()
            except BrokenProcessPool:
                raise ChildProcessError(
                    'a process was killed, perhaps for memory: the same command goes on, with '
                    'fewer --num-workers'
                ) from None
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            return [future.result() for future in futures]

        yield run


def _begin(counter: Any) -> None:
    global _counter
    _counter = counter
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's processes wait for work forever when their parent has been killed."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _do(work: Callable, task: Any) -> Any:
    return work(task, _tell)


def _tell(number: int) -> None:
    with _counter.get_lock():
        _counter.value += number
