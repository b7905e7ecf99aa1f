"""A Python whose imports are already made: for ``sys.executable``, without its four CPU seconds.

:data:`PYTHON` is a file that takes what ``python`` takes: ``[-u] SCRIPT``, ``-m MODULE``
or ``-c CODE``, and arguments. It has a server fork (server.py), which has imported torch and the
packages of OpenMMLab, and of mmlt nothing but its repairs of these. The fork gets the standard
streams, the folder and the environment of its caller (client.py), runs what it was given as
``__main__`` and ends as a process of its own, whose exit code or signal the caller's is. Signals go
to it; it dies with the caller, and so does all that it has started. (A process that looks for its
grandchildren does not find them: they are the server's.)

What it cannot show is that a program makes each import that it needs, and that the hashes of texts
differ from process to process: tests of that take ``sys.executable``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

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
    server.stdin.close()
    server.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)
