"""tools/launch.py: whatever ends a run of several ranks, its cause is the last line."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
from warm_python import PYTHON

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
WORKER = """
import os, signal, sys
import torch.distributed as dist
from mmlt.command_line import run_main

def main():
    dist.init_process_group('gloo')
    if dist.get_rank() == 1:
        {failure}
    dist.barrier()

run_main(main)
"""


@pytest.fixture(scope='module')
def launch():
    spec = importlib.util.spec_from_file_location('launch', ROOT / 'tools' / 'launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _failure(folder, rank, message, *, timestamp=5, exitcode=1):
    path = folder / f'{rank}.json'
    if message is not None:
        info = {'py_callstack': f'Traceback of {rank}\n', 'timestamp': str(timestamp)}
        path.write_text(json.dumps({'message': {'message': message, 'extraInfo': info}}))
    return ProcessFailure(local_rank=rank, pid=rank, exitcode=exitcode, error_file=str(path))


def test_the_rank_that_failed_first_is_told(launch, tmp_path):
    failures = {
        0: _failure(tmp_path, 0, 'KeyError: 1', timestamp=7),
        1: _failure(tmp_path, 1, 'KeyError: 2', timestamp=6),
        2: _failure(tmp_path, 2, None, exitcode=-15),  # the launcher ended it, just now
    }
    assert launch.tell(failures) == 'Traceback of 1\nerror: KeyError: 2 (rank 1)'


def test_a_rank_that_has_lost_its_peer_is_not_the_cause(launch, tmp_path):
    failures = {
        0: _failure(tmp_path, 0, 'RuntimeError: Connection closed by peer [127.0.0.1]:2'),
        1: _failure(tmp_path, 1, 'a.csv, line 3: no number', timestamp=6, exitcode=2),
        2: _failure(tmp_path, 2, None, exitcode=-15),
    }
    path = failures[1].error_file
    expected = f'the traceback is in {path}\nerror: a.csv, line 3: no number (rank 1)'
    assert launch.tell(failures) == expected


@pytest.mark.parametrize(('exitcode', 'how'), [(3, 'code 3'), (-9, 'by SIGKILL')])
def test_a_rank_that_left_no_error(launch, tmp_path, exitcode, how):
    found = launch.tell({1: _failure(tmp_path, 1, None, exitcode=exitcode)})
    assert found == f'error: rank 1 has ended, {how}; what it said is above'


def _run_worker(folder, failure):
    worker = folder / 'worker.py'
    worker.write_text(WORKER.format(failure=failure))
    command = [
        PYTHON,
        ROOT / 'tools' / 'launch.py',
        '--standalone',
        '--nproc_per_node',
        '2',
    ]
    env = {**ENV, 'PYTHONPATH': str(ROOT)}
    return subprocess.run([*command, worker], cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.dist
@pytest.mark.parametrize(
    ('failure', 'code', 'end'),
    [
        ("raise RuntimeError('no memory')", 1, 'error: RuntimeError: no memory (rank 1)'),
        ("raise ValueError('a.csv, line 3')", 2, 'error: a.csv, line 3 (rank 1)'),
        (
            'os.kill(os.getpid(), signal.SIGKILL)',
            1,
            'error: rank 1 has ended, by SIGKILL; what it said is above',
        ),
        ('sys.exit(5)', 5, 'error: rank 1 has ended, code 5; what it said is above'),
        ('pass', 0, None),
    ],
)
def test_two_ranks_of_which_one_fails(tmp_path, failure, code, end):
    done = _run_worker(tmp_path, failure)
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    if end is None:
        assert 'error' not in done.stderr
        return
    assert lines[-1] == end
    is_bug = 'RuntimeError' in failure
    assert done.stderr.count('Traceback') == (1 if is_bug else 0)
    if 'ValueError' in failure:
        traceback = re.fullmatch('the traceback is in (.*)', lines[-2]).group(1)
        assert 'ValueError' in Path(traceback).read_text(encoding='utf-8')


def _train(toy_detector, work_dir, ann_file):
    options = ['--cfg-options', f'train_dataloader.dataset.ann_file={ann_file}']
    command = [ROOT / 'tools' / 'dist_train.sh', toy_detector.config, '2', '--work-dir', work_dir]
    return subprocess.run(
        [str(each) for each in (*command, *options)],
        cwd=toy_detector.root,
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # as on a terminal
        text=True,
    )


@pytest.mark.dist
def test_annotations_that_are_absent(toy_detector, tmp_path):
    done = _train(toy_detector, tmp_path, 'gone.csv')
    assert done.returncode == 2
    assert re.fullmatch(r'error: gone\.csv: .* \(rank [01]\)', done.stdout.splitlines()[-1])
    assert 'Traceback' not in done.stdout


@pytest.mark.dist
def test_annotations_with_a_bad_row(toy_detector, tmp_path):
    good = (toy_detector.root / 'data/toy/ava/annotations/train.csv').read_text().splitlines()
    bad = tmp_path / 'bad.csv'
    bad.write_text('\n'.join([*good[:2], good[2].replace(',0.', ',O.', 1), *good[3:]]) + '\n')
    done = _train(toy_detector, tmp_path / 'run', bad)
    assert done.returncode == 2
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(rf'error: {re.escape(str(bad))}[:,] line 3: .* \(rank [01]\)', last)
    assert 'Traceback' not in done.stdout


def test_ranks_find_the_cache_of_yapf_whole(tmp_path):
    """They would write it at once, in place, and read it meanwhile."""
    script = tmp_path / 'rank.py'
    script.write_text(
        'import os, pathlib, sys\n'
        "sys.exit(3 * (not list(pathlib.Path(os.environ['XDG_CACHE_HOME']).rglob('*.pickle'))))\n"
    )
    cache = tmp_path / 'cache'
    command = [sys.executable, ROOT / 'tools' / 'launch.py', '--nproc_per_node', '1', script]
    done = subprocess.run(command, env={**ENV, 'XDG_CACHE_HOME': str(cache)}, cwd=tmp_path)
    assert done.returncode == 0
    assert len(list(cache.rglob('*.pickle'))) == 2  # the grammar, and that of patterns
