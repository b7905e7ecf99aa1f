"""Batches that can start in the middle of an epoch."""

from __future__ import annotations

import random

import pytest
import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import BatchSampler, DataLoader, Dataset

from mmlt.engine.resumable_batches import ResumableBatches, make_resumable, sampler_of


class _Draws(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return index, random.getrandbits(30), torch.randint(2**30, ()).item()


def _loader(**options):
    return DataLoader(_Draws(), collate_fn=list, **{'batch_size': 4, **options})


def _epoch(loader, batches, number, first=0):
    batches.start(number, first)
    return list(loader)


def test_starts_at_a_batch_once():
    batches = ResumableBatches([[0, 1], [2, 3], [4]], (7,), in_workers=False)
    batches.start(0, 2)
    assert list(batches) == [[4]]
    assert list(batches) == [[0, 1], [2, 3], [4]]
    batches.start(0, 3)
    assert list(batches) == []
    assert len(batches) == 3


def test_an_iterator_that_is_not_used_changes_nothing():
    batches = ResumableBatches([[0], [1]], (7,), in_workers=False)
    batches.start(0, 1)
    iter(batches)  # as DataLoader does
    assert list(batches) == [[1]]


@pytest.mark.parametrize(
    'options',
    [{}, {'persistent_workers': True}, {'batch_size': None}, {'prefetch_factor': 5}],
    ids=['fresh workers', 'persistent', 'no batches', 'far ahead'],
)
def test_a_batch_draws_the_same_wherever_the_epoch_starts(options):
    loader = _loader(num_workers=2, **options)
    batches = make_resumable(loader, (7, 0))
    whole = [_epoch(loader, batches, number) for number in range(2)]
    assert whole[0] != whole[1]
    assert _epoch(loader, batches, 1, first=2) == whole[1][2:]
    assert _epoch(loader, batches, 0) == whole[0]
    other = _loader(num_workers=1, batch_size=loader.batch_size)
    assert _epoch(other, make_resumable(other, (7, 0)), 1) == whole[1]
    rank = _loader(num_workers=1, batch_size=loader.batch_size)
    assert _epoch(rank, make_resumable(rank, (7, 1)), 1) != whole[1]


def test_in_the_main_process_nothing_is_seeded():
    loader = _loader()
    batches = make_resumable(loader, (7, 0))
    random.seed(5)
    first = _epoch(loader, batches, 0)
    random.seed(6)
    assert _epoch(loader, batches, 0) != first


def test_starting_an_epoch_draws_nothing_from_the_global_stream():
    loader = _loader(shuffle=True, num_workers=1)
    batches = make_resumable(loader, (7, 0))
    state = torch.get_rng_state()
    order = [row[0] for batch in _epoch(loader, batches, 3) for row in batch]
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(order) == list(range(10)) and order != list(range(10))
    again = [row[0] for batch in _epoch(loader, batches, 3, first=1) for row in batch]
    assert again == order[4:]


def test_a_generator_of_the_users_own_stays():
    generator = torch.Generator()
    loader = _loader(shuffle=True, generator=generator)
    make_resumable(loader, (7, 0))
    assert loader.generator is loader.sampler.generator is generator


def test_the_loader_keeps_its_face():
    dataset = _Draws()
    sampler = DefaultSampler(dataset, seed=3)
    own = BatchSampler(sampler, batch_size=4, drop_last=True)
    loader = DataLoader(dataset, batch_sampler=own, collate_fn=list)
    batches = make_resumable(loader, (7, 0))
    assert make_resumable(loader, (7, 0)) is batches  # twice is once
    assert loader.dataset is dataset
    assert sampler_of(loader) is loader.batch_sampler.sampler is sampler
    assert loader.batch_sampler.batch_size == 4 and len(loader) == 2
    loader.batch_sampler.sampler.set_epoch(5)
    assert sampler.epoch == 5
    with pytest.raises(AttributeError, match='unknown'):
        batches.unknown  # noqa: B018
