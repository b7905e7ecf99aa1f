"""Forks a process for every job that a client.py sends: server.py LISTENING_SOCKET.

It ends, with all its forks and its folder, when its standard input ends or holds anything.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import shutil
import signal
import socket
import sys
import threading
import warnings

import psutil

FORK = 'warm'  # a fork's name: this and the number of its caller
PACKAGES = (
    'mmlt', 'setuptools', 'cv2', 'matplotlib.pyplot', 'pyarrow.parquet',
    'torch._dynamo', 'torch.distributed.run',
    'mmengine.runner', 'mmaction.apis', 'mmaction.datasets', 'mmaction.engine',
    'mmaction.evaluation', 'mmaction.models',
)  # fmt: skip


class Server:
    """Serves until standard input tells it to end, or in a fork until it has its job."""

    def __init__(self, listener):
        self._clients = {}  # of each fork: the connection to its caller
        self._forks = {}  # of each caller
        self._selector = selectors.DefaultSelector()
        self._ends, wakeup = socket.socketpair()
        wakeup.setblocking(False)
        self._ends.setblocking(False)
        self._wakeup = wakeup
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which ends us
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wakeup.fileno())
        self._selector.register(0, selectors.EVENT_READ, self._end)
        self._selector.register(self._ends, selectors.EVENT_READ, self._tell_ends)
        self._selector.register(listener, selectors.EVENT_READ, self._fork)

    def serve(self):
        """The job of this process, which is a fork; None at the end."""
        while True:
            for key, _ in self._selector.select():
                done = key.data(key.fileobj)
                if done is not None:
                    return done or None

    def _end(self, _):
        for pid in list(self._clients):
            self._kill_with_all_it_has_started(pid)
        return False

    def _fork(self, listener):
        client, _ = listener.accept()
        _, fds, *_ = socket.recv_fds(client, 1, 3)
        job = json.loads(client.makefile('rb').readline() or 'null')
        pid = os.fork() if job else None  # or the client has died while it asked
        if pid == 0:
            self._become_a_fork(client, fds, job['caller'])
            return job
        for fd in fds:
            os.close(fd)
        if job:
            self._clients[pid] = client
            self._forks[job['caller']] = pid
            self._selector.register(client, selectors.EVENT_READ, self._kill)
            self._tell(client, pid)
        return None

    @staticmethod
    def _tell(client, number):
        with contextlib.suppress(OSError):  # it may have died
            client.sendall(f'{number}\n'.encode())

    def _become_a_fork(self, client, fds, caller):
        with open('/proc/self/comm', 'w') as name:
            name.write(f'{FORK} {caller}')
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for fd, number in zip(fds, (0, 1, 2)):
            os.dup2(fd, number)
            os.close(fd)
        for key in list(self._selector.get_map().values()):
            if key.fileobj != 0:
                key.fileobj.close()
        for each in (client, self._wakeup, self._selector):
            each.close()

    def _kill(self, client):
        """The caller has ended before its fork."""
        if client.fileno() < 0:  # no: both at once
            return
        self._selector.unregister(client)
        for pid, of_fork in self._clients.items():
            if of_fork is client:
                self._kill_with_all_it_has_started(pid)

    def _kill_with_all_it_has_started(self, pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            fork = psutil.Process(pid)
            for process in (fork, *fork.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                if process.pid in self._forks:
                    self._kill_with_all_it_has_started(self._forks.pop(process.pid))

    def _tell_ends(self, ends):
        ends.recv(4096)
        while self._clients:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            client = self._clients.pop(pid)
            self._forks = {caller: fork for caller, fork in self._forks.items() if fork != pid}
            with contextlib.suppress(KeyError):
                self._selector.unregister(client)
            self._tell(client, os.waitstatus_to_exitcode(status))
            client.close()


def run(job, search_path):
    """Be the interpreter that was called; returns the exit code."""
    os.chdir(job['cwd'])
    os.environ.clear()
    os.environ.update(job['env'])
    sys.executable = os.environ['PYTHON_EXEC'] = job['python']  # also of what it starts
    random.seed()
    sys.modules['numpy'].random.seed()
    warnings.resetwarnings() if 'PYTHONWARNINGS' in os.environ else None
    for option in filter(None, os.environ.get('PYTHONWARNINGS', '').split(',')):
        warnings._setoption(option)
    own_path = os.environ.get('PYTHONPATH')
    own_path = [os.path.abspath(each) for each in own_path.split(os.pathsep)] if own_path else []
    first, *sys.argv = job['argv']
    if first == '-u':
        sys.stdout.reconfigure(write_through=True)
        first, *sys.argv = sys.argv
    try:
        if first == '-m':
            sys.path[:] = [os.getcwd(), *own_path, *search_path]
            runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
        elif first == '-c':
            sys.path[:] = ['', *own_path, *search_path]
            code, sys.argv[0] = sys.argv[0], '-c'
            exec(compile(code, '<string>', 'exec'), {'__name__': '__main__'})
        else:
            sys.path[:] = [os.path.dirname(os.path.realpath(first)), *own_path, *search_path]
            sys.argv.insert(0, first)
            runpy.run_path(first, run_name='__main__')
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def leave_as_it_is(text, **_):
    """For yapf, which takes longer over the texts of a config than a training of the tests does."""
    return text, True


def main(listener):
    mine = {os.path.dirname(os.path.abspath(__file__))}
    mine.update(map(os.path.abspath, os.environ.get('PYTHONPATH', '').split(os.pathsep)))
    search_path = [each for each in sys.path if os.path.abspath(each) not in mine]
    for name in PACKAGES:
        importlib.import_module(name)
    sys.modules['mmengine.config.config'].FormatCode = leave_as_it_is
    gc.collect()
    gc.freeze()  # a fork that collects garbage does not copy all of this
    listener = socket.socket(fileno=int(listener))
    folder = os.path.dirname(listener.getsockname())
    job = Server(listener).serve()
    if job is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    code = run(job, search_path)
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == '__main__':
    main(sys.argv[1])
