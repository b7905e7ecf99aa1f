from __future__ import annotations

import copy
import pickle

import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from torch.utils.data import DataLoader

from mmlt.datasets.samplers import DrawnIndex


def _parts(index):
    return type(index), int(index), index.box, index.class_id


def test_it_is_the_plain_index():
    index = DrawnIndex(3, box=1, class_id=7)
    assert index == 3 and isinstance(index, int) and 'abcd'[index] == 'd'
    assert {3: 'x'}[index] == 'x' and f'{index:02d}' == '03'
    assert repr(index) == 'DrawnIndex(3, box=1, class_id=7)'
    assert _parts(DrawnIndex(3)) == (DrawnIndex, 3, None, None)


@pytest.mark.parametrize(
    'through',
    [copy.copy, copy.deepcopy, *(lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in (0, 2))],
)
def test_copies_remember(through):
    index = DrawnIndex(3, box=1, class_id=7)
    assert _parts(through(index)) == _parts(index)
    assert _parts(through([index])[0]) == _parts(index)


def test_arithmetic_of_wrappers_remembers():
    index = DrawnIndex(7, box=1, class_id=4)
    assert _parts(index % 5) == (DrawnIndex, 2, 1, 4)
    assert _parts(index - 5) == (DrawnIndex, 2, 1, 4)
    assert _parts(index + 5) == (DrawnIndex, 12, 1, 4)
    assert type(index * 2) is int
    assert index - 0.5 == 6.5


@pytest.mark.parametrize('num_workers', [0, 1])
@pytest.mark.parametrize('wrap', [None, 'repeat', 'concat'])
def test_it_reaches_the_pipeline(ava, num_workers, wrap):
    dataset = ava()
    if wrap == 'repeat':
        dataset = RepeatDataset(dataset, times=2)
    elif wrap == 'concat':
        dataset = ConcatDataset([dataset, ava()])
    drawn = [DrawnIndex(2, 3, 4), DrawnIndex(0, 1, 2)]
    drawn += [DrawnIndex(5, 2, 1)] if wrap else []
    loader = DataLoader(dataset, batch_size=2, sampler=drawn, num_workers=num_workers,
                        collate_fn=list)  # fmt: skip
    infos = [info for batch in loader for info in batch]
    expected = [(DrawnIndex, int(index) % 3, index.box, index.class_id) for index in drawn]
    assert [_parts(info['sample_idx']) for info in infos] == expected
    assert [info['timestamp'] for info in infos][:2] == [904, 902]
