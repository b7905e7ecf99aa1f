from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mmlt.datasets.own_data.workers import start_workers

ROOT = Path(__file__).parents[3]
ENDLESS = """
import time
from pathlib import Path
from mmlt.datasets.own_data import workers
def work(task, tell):
    Path(task).touch()
    time.sleep(600)
if __name__ == '__main__':
    import sys
    with workers.start_workers(2) as run:
        run(work, sys.argv[1:], print)
"""


def double(task, tell):
    if task == 'die':
        os.kill(os.getpid(), signal.SIGKILL)
    if task < 0:
        raise ValueError(f'{task} is negative')
    tell(task)
    return 2 * task


@pytest.mark.parametrize('number', [1, 2])
def test_results_in_the_order_of_the_tasks_and_all_progress(number):
    told = []
    with start_workers(number) as run:
        assert run(double, [5, 1, 3], told.append) == [10, 2, 6]
        assert sum(told) == 9
        assert run(double, [7], told.append) == [14]
        assert run(double, [], told.append) == []
    assert sum(told) == 16


@pytest.mark.parametrize('number', [1, 2])
def test_an_error_of_the_work_is_raised(number):
    with pytest.raises(ValueError, match='-1 is negative'), start_workers(number) as run:
        run(double, [5, -1, 3], lambda done: None)


def test_a_process_that_is_killed_ends_the_run_with_a_word():
    with pytest.raises(ChildProcessError, match='a process was killed'), start_workers(2) as run:
        run(double, ['die'], lambda done: None)


@pytest.mark.resume
def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    """A pool's own would wait for work for ever."""
    script = tmp_path / 'endless.py'
    script.write_text(ENDLESS)
    marks = [tmp_path / 'one', tmp_path / 'two']
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    parent = subprocess.Popen([sys.executable, script, *marks], env=env)
    while not all(mark.exists() for mark in marks):
        assert parent.poll() is None
        time.sleep(0.05)
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
