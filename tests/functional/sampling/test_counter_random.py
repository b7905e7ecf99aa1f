from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from mmlt.functional.sampling._counter_random import _mix, permute_range, stream_keys, uniform


def test_split_mix_by_hand():
    # the first output of SplitMix64 from state 1234567, as published with the generator
    assert _mix(np.array([1234567], dtype=np.uint64))[0] == 6457827717110365317


@pytest.mark.parametrize('size', [1, 2, 3, 5, 64, 65, 1000, 4097])
def test_every_place_once(size):
    assert sorted(permute_range(np.arange(size), size, key=(7,))) == list(range(size))


def test_any_place_is_found_alone():
    whole = permute_range(np.arange(1000), 1000, key=(3, 1))
    for place in (0, 17, 999):
        assert permute_range([place], 1000, key=(3, 1))[0] == whole[place]


def test_a_large_range():
    size = 2**62
    places = np.array([0, 1, size - 1])
    found = permute_range(places, size, key=(0,))
    assert len(set(found.tolist())) == 3 and found.min() >= 0 and found.max() < size


@pytest.mark.parametrize('size', [3, 4, 7, 8])
def test_each_place_gets_each_value_equally_often(size):
    num_keys = 2000
    found = np.array([permute_range(np.arange(size), size, key=(key,)) for key in range(num_keys)])
    for column in found.T:
        counts = np.bincount(column, minlength=size)
        statistic = ((counts - num_keys / size) ** 2).sum() * size / num_keys
        assert statistic < chi2.ppf(1 - 1e-4, size - 1)


def test_all_permutations_of_four_occur():
    found = {tuple(permute_range(np.arange(4), 4, key=(key,))) for key in range(600)}
    assert len(found) == 24


def test_keys_differ():
    a, b = (permute_range(np.arange(100), 100, key=key) for key in ((0, 1), (1, 0)))
    assert (a != b).mean() > 0.9


def test_neighbours_are_torn_apart():
    found = permute_range(np.arange(10_000), 10_000, key=(5,)).astype(float)
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.05
    assert abs(np.corrcoef(found, np.arange(10_000))[0, 1]) < 0.05


def test_uniform_numbers():
    values = uniform(np.arange(20_000), (0, 4))
    assert values.min() >= 0 and values.max() < 1
    assert kstest(values, 'uniform').pvalue > 1e-3
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.03
    np.testing.assert_array_equal(uniform([11, 3], (0, 4)), values[[11, 3]])
    assert (uniform(np.arange(20_000), (0, 5)) != values).all()


def test_streams_are_those_of_numpy_seed_sequence():
    expected = np.random.SeedSequence((1, 2)).generate_state(2, np.uint64)
    np.testing.assert_array_equal(stream_keys((1, 2), 2), expected)
