from __future__ import annotations

import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler

from mmlt.engine.epoch_rows import EpochRows, Rows, drop_added, rows_state


def _batch(*values):
    scores = torch.tensor(values)[:, None].expand(-1, 2)
    return scores, scores > 0.5


def _rows(num_rows):
    return Rows(torch.rand(num_rows, 2), torch.zeros(num_rows, 2).bool(), torch.arange(num_rows))


def test_rows_have_places():
    rows = EpochRows(2)
    assert not rows.is_begun
    rows.start_epoch()
    rows.add(*_batch(0.1, 0.9))
    rows.add(*_batch(0.3))
    gathered = rows.gather()
    assert rows.is_begun and rows.num_seen == 3
    assert gathered.places.tolist() == [0, 1, 2]
    assert gathered.scores[:, 0].tolist() == torch.tensor([0.1, 0.9, 0.3]).tolist()
    assert gathered.targets[:, 1].tolist() == [False, True, False]


def test_a_resumed_epoch_goes_on_behind_its_place():
    rows = EpochRows(2)
    rows.restore(rows_state(_rows(6)))
    rows.start_epoch(4)  # with another batch size places 4 and 5 come again
    rows.add(*_batch(0.1, 0.2, 0.3))
    assert rows.gather().places.tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_a_new_epoch_forgets():
    rows = EpochRows(2)
    rows.restore(rows_state(_rows(6)))
    rows.start_epoch()
    assert len(rows.gather().places) == 0
    rows.end_epoch()
    assert not rows.is_begun


def test_a_rank_without_rows():
    assert [tuple(part.shape) for part in EpochRows(2).gather()] == [(0, 2), (0, 2), (0,)]


def test_rows_added_by_the_sampler_are_dropped():
    rows = _rows(6)
    sampler = DefaultSampler(range(5))
    assert drop_added(rows, sampler).places.tolist() == [0, 1, 2, 3, 4]
    assert drop_added(rows, DefaultSampler(range(6))) is rows
    assert drop_added(rows, InfiniteSampler(range(5))) is rows  # knows no epoch
    sampler.epoch_length = 4
    assert len(drop_added(rows, sampler).scores) == 4


@pytest.mark.parametrize(
    ('state', 'message'),
    [
        ([1], 'running_ap of the checkpoint is no dict of scores, targets, places'),
        (rows_state(_rows(1)), r'scores of shape \(1, 2\), this run has 3 classes'),
    ],
)
def test_another_layout(state, message):
    with pytest.raises(ValueError, match=message):
        EpochRows(3).restore(state)
