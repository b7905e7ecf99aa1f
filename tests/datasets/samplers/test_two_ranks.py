"""Two gloo ranks draw, place by place, what one rank draws."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmlt
from mmlt.datasets.samplers import ClassBalancedSampler

SAMPLERS = [
    {'mode': mode, 'num_samples': 25, 'round_up': round_up, **options}
    for mode, options in [
        ('uniform', {}),
        ('sqrt', {}),
        ('repeat_factor', {'repeat_threshold': 0.5}),
        ('duplicate', {}),
    ]
    for round_up in (True, False)
]


def _run_two_ranks(folder):
    job_file = folder / 'job.json'
    job = {'rendezvous': str(folder / 'rendezvous'), 'out': str(folder / 'out')}
    job_file.write_text(json.dumps({**job, 'samplers': SAMPLERS}))
    worker = Path(__file__).with_name('two_rank_sampler.py')
    root = str(Path(mmlt.__file__).parents[1])
    env = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    ranks = [
        subprocess.Popen(
            [sys.executable, worker, str(rank), '2', job_file],
            env=env,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [rank.communicate(timeout=300)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], errors
    return [json.loads((folder / f'out.rank{rank}').read_text()) for rank in range(2)]


class _Rows:
    """The worker's dataset."""

    def __len__(self):
        return 12

    def get_data_info(self, index):
        return {'label': ([0] * 8 + [1] * 3 + [2])[index]}


@pytest.mark.dist
def test_two_ranks_are_one(tmp_path):
    first, second = _run_two_ranks(tmp_path)
    # a seed of None is one seed for both ranks
    assert [a['seed'] for a in first] == [b['seed'] for b in second]
    for options, a, b in zip(SAMPLERS, first, second):
        one = ClassBalancedSampler(_Rows(), seed=a['seed'], **options)
        one.set_epoch(2)
        whole = [[int(index), index.class_id] for index in one]
        assert (a['length'], b['length']) == (13, 13 if options['round_up'] else 12)
        pairs = itertools.zip_longest(a['drawn'], b['drawn'])
        joined = [draw for pair in pairs for draw in pair if draw is not None]
        assert len(whole) == 25 and joined == whole + whole[: len(joined) - 25]
