from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler

from mmlt.datasets.cofinetune_dataset import CoFinetuneDataset
from mmlt.datasets.samplers import CoFinetuneBatchSampler, CoFinetuneSampler

SIZES = {'ava': 17, 'k400': 40, 'ssv2': 3}
BATCH_SIZES = {'ava': 2, 'k400': 4, 'ssv2': 2}
FIRST = {'ava': 0, 'k400': 17, 'ssv2': 57}


@pytest.fixture
def dataset():
    return CoFinetuneDataset({name: range(size) for name, size in SIZES.items()})


def _as_rank(monkeypatch, rank, world_size):
    place = 'mmlt.datasets.samplers.cofinetune_sampler.get_dist_info'
    monkeypatch.setattr(place, lambda: (rank, world_size))


def _batches(dataset, epoch=0, **options):
    sampler = CoFinetuneSampler(dataset, BATCH_SIZES, **{'seed': 3, **options})
    sampler.set_epoch(epoch)
    return list(CoFinetuneBatchSampler(sampler)), sampler


def _name_of(batch):
    names = {next(n for n in reversed(FIRST) if index >= FIRST[n]) for index in batch}
    assert len(names) == 1, 'a batch is of one dataset'
    return names.pop()


# ---------------------------------------------------------------------------------- one rank


def test_an_epoch_is_a_pass_over_every_dataset(dataset):
    batches, sampler = _batches(dataset)
    assert sorted(index for batch in batches for index in batch) == list(range(60))
    names = [_name_of(batch) for batch in batches]
    # 17 / 2 -> 9, 40 / 4 -> 10, 3 / 2 -> 2
    assert {name: names.count(name) for name in SIZES} == {'ava': 9, 'k400': 10, 'ssv2': 2}
    assert len(sampler) == 60 and len(CoFinetuneBatchSampler(sampler)) == 21
    assert list(sampler) == [index for batch in batches for index in batch]
    lengths = {
        name: sorted(map(len, (b for b in batches if _name_of(b) == name))) for name in SIZES
    }
    assert lengths == {'ava': [1] + [2] * 8, 'k400': [4] * 10, 'ssv2': [1, 2]}


def test_no_batch_is_left_with_a_single_sample():
    dataset = CoFinetuneDataset({'one': range(17)})
    batches = list(CoFinetuneBatchSampler(CoFinetuneSampler(dataset, {'one': 8}, seed=0)))
    assert [len(batch) for batch in batches] == [6, 6, 5]


def test_alternating_goes_round_the_small_and_leaves_of_the_large(dataset):
    batches, sampler = _batches(dataset, strategy='alternating')
    assert [_name_of(batch) for batch in batches[:4]] == ['ava', 'k400', 'ssv2', 'ava']
    assert len(batches) == 21
    small = [i for batch in batches if _name_of(batch) == 'ssv2' for i in batch]
    assert small[:3] != small[3:6] or small[3:6] != small[6:9], 'a new order in each pass'
    assert [sorted(small[i : i + 3]) for i in (0, 3, 6)] == [[57, 58, 59]] * 3
    large = [i for batch in batches if _name_of(batch) == 'k400' for i in batch]
    assert len(large) == len(set(large)) == 28
    assert len(sampler) == sum(map(len, batches))


@pytest.mark.parametrize('strategy', ['weighted', 'alternating', 'temperature', 'sequential'])
@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_length_is_what_is_drawn(dataset, monkeypatch, strategy, world_size):
    for rank in range(world_size):
        _as_rank(monkeypatch, rank, world_size)
        options = {'alpha': 0.2} if strategy == 'temperature' else {}
        batches, sampler = _batches(dataset, strategy=strategy, **options)
        assert len(sampler) == sum(map(len, batches))
        assert sampler.num_batches == len(batches)


def test_sequential_is_the_same_batches_in_another_order(dataset):
    weighted, _ = _batches(dataset)
    sequential, _ = _batches(dataset, strategy='sequential')
    assert sorted(weighted) == sorted(sequential)
    assert [_name_of(b) for b in sequential] == ['ava'] * 9 + ['k400'] * 10 + ['ssv2'] * 2


def test_epochs_and_seeds_differ_and_repeat(dataset):
    first = _batches(dataset)[0]
    assert _batches(dataset)[0] == first
    assert _batches(dataset, epoch=1)[0] != first
    assert _batches(dataset, seed=4)[0] != first


def test_an_epoch_begun_keeps_its_number(dataset):
    sampler = CoFinetuneSampler(dataset, BATCH_SIZES, seed=3)
    running = iter(CoFinetuneBatchSampler(sampler))
    begun = [next(running)]
    sampler.set_epoch(1)
    assert begun + list(running) == _batches(dataset)[0]


# ------------------------------------------------------------------------------- several ranks


@pytest.mark.parametrize('world_size', [2, 3])
def test_ranks_share_the_batch_of_one_dataset(dataset, monkeypatch, world_size):
    ranks = []
    for rank in range(world_size):
        _as_rank(monkeypatch, rank, world_size)
        ranks.append(_batches(dataset)[0])
    seen = []
    for batches in zip(*ranks):
        assert len({_name_of(batch) for batch in batches}) == 1
        assert len({len(batch) for batch in batches}) == 1, 'as many samples on each rank'
        seen += [index for batch in batches for index in batch]
    counts = np.bincount(seen, minlength=60)
    assert counts.min() == 1
    # 17, 40 and 3 made divisible
    assert counts.sum() == sum(-(-size // world_size) * world_size for size in SIZES.values())


def test_one_dataset_on_two_ranks_is_shared_like_mmengine_does(monkeypatch):
    # the same number of samples a rank and pass as DefaultSampler
    dataset = CoFinetuneDataset({'one': range(7)})
    for rank in range(2):
        _as_rank(monkeypatch, rank, 2)
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        sampler = CoFinetuneSampler(dataset, {'one': 2}, seed=0)
        assert len(sampler) == len(DefaultSampler(range(7), seed=0)) == 4


@pytest.mark.dist
def test_two_ranks_choose_the_same_dataset_10000_times(two_ranks, tmp_path):
    # a seed of None, and generators that differ by rank: what diff_rank_seed makes of them
    two_ranks.run(Path(__file__).with_name('two_rank_cofinetune_sampler.py'), tmp_path)
    first, second = (json.loads((tmp_path / f'rank{r}.json').read_text()) for r in range(2))
    assert first['seed'] == second['seed']
    assert len(first['datasets']) >= 10_000
    assert first['datasets'] == second['datasets']
    assert len(set(first['datasets'])) == 3
    assert not set(first['samples']) & set(second['samples']), 'a pass is shared out'


# -------------------------------------------------------------------------------------- errors


def test_batch_sizes_of_other_datasets(dataset):
    with pytest.raises(ValueError, match='batch_sizes names ava, k400; the datasets are ava, k400'):
        CoFinetuneSampler(dataset, {'ava': 2, 'k400': 4})
    with pytest.raises(ValueError, match='batch_sizes names ava, k400, ssv2, mit; .* ava, k400'):
        CoFinetuneSampler(dataset, {**BATCH_SIZES, 'mit': 2})


def test_a_batch_size_that_is_none(dataset):
    with pytest.raises(ValueError, match=r"batch_sizes\['k400'\] must be an integer .* got 0"):
        CoFinetuneSampler(dataset, {**BATCH_SIZES, 'k400': 0})


def test_another_sampler_below():
    with pytest.raises(ValueError, match='needs a CoFinetuneSampler, got DefaultSampler'):
        CoFinetuneBatchSampler(DefaultSampler(range(4)))


def test_a_batch_size_that_would_have_no_effect(dataset):
    sampler = CoFinetuneSampler(dataset, BATCH_SIZES, seed=0)
    assert CoFinetuneBatchSampler(sampler, 4).sampler is sampler
    with pytest.raises(ValueError, match='train_dataloader.batch_size=2 has no effect'):
        CoFinetuneBatchSampler(sampler, 2)
