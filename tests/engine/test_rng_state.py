"""Random state of one process."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from mmlt.engine.rng_state import capture_rng, restore_rng, seed_rng, seeded_generator
from mmlt.weights_only import load_weights_only


def _draw():
    return (
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),  # noqa: NPY002
        np.random.randn(),  # noqa: NPY002
        torch.rand(()).item(),
        torch.randn(()).item(),
    )


@pytest.fixture(autouse=True)
def _keep_the_streams_of_other_tests():
    state = capture_rng()
    yield
    restore_rng(state)


def test_restored_streams_repeat():
    seed_rng(3)
    _draw()  # leaves a second normal number in the buffers of python and numpy
    state = capture_rng()
    first = [_draw() for _ in range(5)]
    restore_rng(state)
    assert [_draw() for _ in range(5)] == first


def test_the_state_passes_a_weights_only_file(tmp_path):
    state = capture_rng()
    torch.save(state, tmp_path / 'state.pth')
    first = _draw()
    restore_rng(load_weights_only(tmp_path / 'state.pth'))
    assert _draw() == first


def test_a_key_gives_one_stream():
    draws = {}
    for key in [(0, 0), (0, 1), (1, 0), (0, 0, 1), (2**40, 1), (0, 2**40)]:
        seed_rng(*key)
        draws[key] = _draw()
        seed_rng(*key)
        assert _draw() == draws[key]
    for column in zip(*draws.values()):
        assert len(set(column)) == len(draws)


def test_seeding_needs_numbers_that_are_not_negative():
    with pytest.raises(ValueError, match='negative'):
        seed_rng(3, -1)


def test_a_generator_of_its_own_leaves_the_global_stream():
    state = torch.get_rng_state()
    first = torch.rand(3, generator=seeded_generator(1, 2))
    assert torch.equal(first, torch.rand(3, generator=seeded_generator(1, 2)))
    assert not torch.equal(first, torch.rand(3, generator=seeded_generator(2, 1)))
    assert torch.equal(torch.get_rng_state(), state)
