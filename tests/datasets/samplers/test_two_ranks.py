"""Two gloo ranks draw, place by place, what one rank draws."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

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


class _Rows:
    """The worker's dataset."""

    def __len__(self):
        return 12

    def get_data_info(self, index):
        return {'label': ([0] * 8 + [1] * 3 + [2])[index]}


@pytest.mark.dist
def test_two_ranks_are_one(two_ranks, tmp_path):
    (tmp_path / 'samplers.json').write_text(json.dumps(SAMPLERS))
    two_ranks.run(Path(__file__).with_name('two_rank_sampler.py'), tmp_path)
    first, second = (json.loads((tmp_path / f'rank{r}.json').read_text()) for r in range(2))
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
