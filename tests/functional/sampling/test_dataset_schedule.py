from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import dataset_schedule


def _counts(sizes, batch_sizes, strategy, **options):
    steps = dataset_schedule(sizes, batch_sizes, strategy=strategy, seed=0, epoch=0, **options)
    return np.bincount(steps, minlength=len(sizes)).tolist()


# ---------------------------------------------------------------------------------- by hand


def test_weighted_by_hand():
    # 17 / 8 -> 3 steps, 8 / 8 -> 1, 1 / 4 -> 1
    assert _counts([17, 8, 1], [8, 8, 4], 'weighted') == [3, 1, 1]


def test_alternating_by_hand():
    steps = dataset_schedule([17, 8, 1], [8, 8, 4], strategy='alternating', seed=0, epoch=0)
    assert steps.tolist() == [0, 1, 2, 0, 1]


def test_sequential_by_hand():
    steps = dataset_schedule([17, 8, 1], [8, 8, 4], strategy='sequential', seed=0, epoch=0)
    assert steps.tolist() == [0, 0, 0, 1, 2]


@pytest.mark.parametrize(
    ('sizes', 'batch_sizes', 'alpha', 'expected'),
    [
        # sqrt 100 : sqrt 25 = 2 : 1 of 10 + 2.5 -> 13 steps: 8.67, 4.33
        ([100, 25], [10, 10], 0.5, [9, 4]),
        # as many samples of each: steps as 1 / batch size, 1 : 2 of 10 + 5 steps
        ([100, 25], [10, 5], 0.0, [5, 10]),
        # 100^2 : 50^2 = 4 : 1 of 10 + 5 steps
        ([100, 50], [10, 10], 2.0, [12, 3]),
        # shares 1.96, .98 and .06: the last is raised to one step, the first gives it
        ([100, 50, 3], [100, 100, 100], 1.0000001, [1, 1, 1]),
        # shares of 12: 11.99.., tiny, tiny
        ([1000, 10, 10], [100, 100, 100], 9.0, [10, 1, 1]),
    ],
)
def test_temperature_by_hand(sizes, batch_sizes, alpha, expected):
    assert _counts(sizes, batch_sizes, 'temperature', alpha=alpha) == expected


# ------------------------------------------------------------------------------- what must hold


@pytest.mark.parametrize('strategy', ['weighted', 'alternating', 'temperature', 'sequential'])
@pytest.mark.parametrize('seed', range(5))
def test_all_strategies_have_as_many_steps(strategy, seed):
    rng = np.random.default_rng(seed)
    sizes, batch_sizes = rng.integers(1, 500, 6), rng.integers(1, 40, 6)
    options = {'alpha': 0.3} if strategy == 'temperature' else {}
    steps = dataset_schedule(sizes, batch_sizes, strategy=strategy, seed=seed, epoch=3, **options)
    assert len(steps) == sum(-(-int(n) // int(b)) for n, b in zip(sizes, batch_sizes))
    assert steps.dtype == np.int64
    if len(steps) >= 6 or strategy != 'alternating':
        assert set(steps.tolist()) == set(range(6))


@pytest.mark.parametrize('seed', range(5))
def test_temperature_is_within_one_step_of_its_shares(seed):
    rng = np.random.default_rng(seed)
    sizes, batch_sizes = rng.integers(200, 5000, 4), rng.integers(1, 20, 4)
    counts = np.array(_counts(sizes, batch_sizes, 'temperature', alpha=0.5))
    shares = sizes**0.5 / batch_sizes
    shares *= counts.sum() / shares.sum()
    assert np.abs(counts - shares).max() < 1


def test_temperature_of_one_is_weighted():
    arguments = ([170, 33, 1], [8, 4, 2])
    assert np.array_equal(
        dataset_schedule(*arguments, strategy='temperature', seed=4, epoch=2, alpha=1),
        dataset_schedule(*arguments, strategy='weighted', seed=4, epoch=2),
    )


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return dataset_schedule([99, 50], [2, 2], strategy='weighted', seed=seed, epoch=epoch)

    assert np.array_equal(order(1, 2), order(1, 2))
    assert not np.array_equal(order(1, 2), order(2, 1))
    assert not np.array_equal(order(1, 2), order(1, 3))


def test_a_dataset_comes_evenly_over_the_epoch():
    # 2,000 of 10,000 steps; in each tenth of the epoch 200, with a standard deviation of 12.1
    steps = dataset_schedule([8000, 2000], [1, 1], strategy='weighted', seed=0, epoch=0)
    tenths = (steps.reshape(10, 1000) == 1).sum(axis=1)
    assert np.abs(tenths - 200).max() < 5 * 12.1


# ------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'sizes': []}, 'sizes is empty'),
        ({'sizes': [5, 0]}, r'sizes\[1\] must be an integer of at least 1, got 0'),
        ({'batch_sizes': [5, 2.5]}, r'batch_sizes\[1\] must be an integer of at least 1, got 2.5'),
        ({'batch_sizes': [5]}, 'sizes has 2 values, batch_sizes 1'),
        ({'strategy': 'random'}, "strategy must be one of 'weighted'.*got 'random'"),
        ({'seed': -1}, 'seed must be an integer of at least 0, got -1'),
        ({'epoch': 1.0}, 'epoch must be an integer of at least 0, got 1.0'),
        ({'alpha': -1}, 'alpha must be a number of at least 0, got -1'),
        ({'strategy': 'temperature', 'alpha': -1}, 'alpha must be a number of at least 0, got -1'),
        ({'strategy': 'temperature', 'alpha': float('nan')}, 'alpha must be .* got nan'),
    ],
)
def test_errors_name_argument_and_value(changes, message):
    arguments = {
        'sizes': [10, 20],
        'batch_sizes': [2, 2],
        'strategy': 'weighted',
        'seed': 0,
        'epoch': 0,
        **changes,
    }
    sizes, batch_sizes = arguments.pop('sizes'), arguments.pop('batch_sizes')
    with pytest.raises(ValueError, match=message):
        dataset_schedule(sizes, batch_sizes, **arguments)
