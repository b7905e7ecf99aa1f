"""A Python whose imports are already made: for ``sys.executable``, without its four CPU seconds.

:data:`PYTHON` is a file that takes three calls of ``python``: ``[-u] SCRIPT``, ``-m MODULE`` and
``-c CODE``, with arguments; no other option. It has a server fork (server.py), which has imported
torch, the packages of OpenMMLab, and mmlt with its repairs of these. The fork gets the standard
streams, the folder and the environment of its caller (client.py), runs what it was given as
``__main__`` and ends as a process of its own, whose exit code or signal the caller's is. SIGTERM,
SIGINT and SIGHUP go to it.

The fork is the server's child, not its caller's. When a caller has ended before it, the server
kills it and all that it has started, but some hundredths of a second later: who kills a call does
so by :func:`kill`, which leaves none.

What it cannot show is that a program makes each import that it needs, and makes it in time (mmlt
repairs others where it is imported), that the hashes of texts differ from process to process, and
what a caller's OMP_NUM_THREADS does: torch has been imported with one thread. Tests of that take
``sys.executable``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from warm_python.server import FORK

FOLDER = Path(tempfile.gettempdir(), f'warm-python-{os.getuid()}-{os.getpid()}')
PYTHON = str(FOLDER / 'python')


def start() -> subprocess.Popen:
    """Start the server of this process's tests; who asks before it is ready waits."""
    shutil.rmtree(FOLDER, ignore_errors=True)  # of a process that had the same number
    FOLDER.mkdir(mode=0o700)
    here, client = Path(__file__).parent, Path(PYTHON)
    client.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -S -E "{here}/client.py" "{FOLDER}" "$@"\n'
    )
    client.chmod(0o755)
    root = str(here.parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get('PYTHONPATH')]))
    env = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'}
    env['PYTORCH_NVML_BASED_CUDA_CHECK'] = '1'  # a process that has asked CUDA itself cannot fork
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(FOLDER / 'socket'))
        listener.listen(64)
        command = [sys.executable, here / 'server.py', str(listener.fileno())]
        fds = [listener.fileno()]
        return subprocess.Popen(command, env=env, pass_fds=fds, stdin=subprocess.PIPE)


def stop(server: subprocess.Popen) -> None:
    """End the server, and what it still runs."""
    try:  # a byte, not the end alone: a process forked by a test may hold the pipe open
        server.communicate(b'\n', timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)


def kill(pid: int) -> None:
    """SIGKILL a process, forks of its calls and all that they have started; none is left."""
    found = {}
    while new := {each.pid: each for each in _family(pid) if each.pid not in found}:
        for each in new.values():  # stopped, they start no others
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        found.update(new)
    for each in found.values():
        with suppress(psutil.NoSuchProcess):
            each.kill()
    deadline = time.monotonic() + 60
    while not all(map(_has_ended, found.values())):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _family(pid):
    """A process and what it has started; a call's fork, which is named for it, is its child."""
    children = {}
    for each in psutil.process_iter(['name', 'ppid']):
        first, _, caller = str(each.info['name']).partition(' ')
        parent = int(caller) if first == FORK else each.info['ppid']
        children.setdefault(parent, []).append(each)
    family = [psutil.Process(pid)]
    for each in family:
        family += children.get(each.pid, [])
    return family


def _has_ended(process):
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True
