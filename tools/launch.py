#!/usr/bin/env python
r"""Start the ranks of a tool: torch.distributed.run, with the cause of a failure in the last line.

Example:
    python tools/launch.py --standalone --nproc_per_node 2 tools/train.py CONFIG --launcher pytorch

Takes the options of torch.distributed.run (torchrun), which follow. A rank that fails ends all
others; its error is told once: in one line where you can mend it (a file, a value), with its
traceback in a file, and else below its traceback.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from collections.abc import Mapping, Sequence

from torch.distributed import run
from torch.distributed.elastic.multiprocessing import errors
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

USER_ERROR = 2  # exit code of a rank that mmlt.command_line has ended for such an error


def first_failure(failures: Mapping[int, ProcessFailure]) -> tuple[int, ProcessFailure]:
    """The rank that failed first, before those that then lost their peer or were ended."""

    def order(rank: int) -> tuple:
        failure = failures[rank]
        is_ended = failure.exitcode == -signal.SIGTERM  # by the launcher
        return is_ended, 'onnection' in _error(failure), failure.timestamp, rank

    rank = min(failures, key=order)
    return rank, failures[rank]


def tell(failures: Mapping[int, ProcessFailure]) -> str:
    """What is said last of a run whose ranks have failed."""
    rank, failure = first_failure(failures)
    if not isinstance(failure.message, Mapping):  # it has said itself why, or was killed
        end = f'by {failure.signal_name()}' if failure.exitcode < 0 else f'code {failure.exitcode}'
        return f'error: rank {rank} has ended, {end}; what it said is above'
    if failure.exitcode == USER_ERROR:
        before = f'the traceback is in {failure.error_file}'
    else:
        before = failure.message['extraInfo'].get('py_callstack', '').rstrip()
    return f'{before}\nerror: {_error(failure)} (rank {rank})'


def _error(failure: ProcessFailure) -> str:
    message = failure.message
    return str(message['message'] if isinstance(message, Mapping) else message)


def make_caches() -> None:
    """Import yapf once: ranks that are the first to do it read each other's cache half-written.

    It keeps its grammar as a pickle in the user's cache, which it writes in place when it is first
    imported from an environment; mmengine imports it.
    """
    with contextlib.suppress(ImportError):
        import yapf  # noqa: F401


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] in (['-h'], ['--help']):
        print(f'{__doc__}')
    make_caches()
    logging.getLogger(f'{errors.__name__}.error_handler').setLevel(logging.CRITICAL)  # we tell it
    try:
        run.main(argv)
    except ChildFailedError as error:
        print(tell(error.failures), file=sys.stderr, flush=True)
        return max(first_failure(error.failures)[1].exitcode, 1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
