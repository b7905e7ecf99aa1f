"""Whole videos to splits: small cases by hand and by trying all, invariance, errors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmlt.functional import split_videos

RATIOS = (0.7, 0.15, 0.15)


def _totals(counts, split, num_splits):
    return np.stack([counts[np.asarray(split) == s].sum(axis=0) for s in range(num_splits)])


def _cost(counts, split, ratios):
    """The two sums of the docstring, term by term."""
    counts = np.asarray(counts)
    totals = _totals(counts, split, len(ratios))
    lacking = far = 0.0
    of_class, all_boxes = counts.sum(axis=0), counts.sum()
    for s, ratio in enumerate(ratios):
        for c, count in enumerate(of_class):
            if count and not totals[s, c]:
                lacking += 1 + ratio
            if count:
                far += (totals[s, c] / count - ratio) ** 2 / len(of_class)
        far += (totals[s].sum() / max(all_boxes, 1) - ratio) ** 2
    return round(lacking, 9), round(far, 9)


def _best_cost(counts, ratios):
    every = itertools.product(range(len(ratios)), repeat=len(counts))
    return min(_cost(counts, s, ratios) for s in every if len(set(s)) == len(ratios))


def test_by_hand():
    # class 1 is in two videos alone, one of which must be in each half
    counts = [[5, 0], [5, 0], [4, 1], [4, 1]]
    split = split_videos(counts, ratios=[0.5, 0.5])
    assert split[0] != split[1] and split[2] != split[3]
    assert split.dtype == np.int64


def test_a_class_of_one_video_is_in_the_largest_split():
    counts = [[9, 2], [9, 0], [9, 0], [9, 0]]
    assert split_videos(counts, ratios=[0.6, 0.2, 0.2])[0] == 0


@pytest.mark.parametrize('num_videos', [2, 3])
def test_as_many_videos_as_splits_is_one_each(num_videos):
    ratios = [1 / num_videos] * num_videos
    counts = [[1, 8], [100, 0], [0, 0]][:num_videos]
    assert sorted(split_videos(counts, ratios=ratios)) == list(range(num_videos))


@pytest.mark.parametrize('seed', range(40))
def test_as_good_as_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(3, 7), rng.integers(1, 6)
    counts = rng.integers(0, 10, shape) * (rng.random(shape) < 0.5)
    ratios = RATIOS if seed % 2 else (0.5, 0.3, 0.2)
    assert _cost(counts, split_videos(counts, ratios=ratios), ratios) == _best_cost(counts, ratios)


def test_shares_of_many_videos():
    rng = np.random.default_rng(0)
    counts = rng.poisson(4, (80, 6))
    totals = _totals(counts, split_videos(counts, ratios=RATIOS), 3)
    assert np.abs(totals / counts.sum(axis=0) - np.array(RATIOS)[:, None]).max() < 0.02


@pytest.mark.parametrize('seed', range(5))
def test_order_of_the_videos_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    counts = rng.permutation(600).reshape(100, 6)[:12]  # no two videos alike
    order = rng.permutation(len(counts))
    split = split_videos(counts, ratios=RATIOS, seed=seed)
    assert split_videos(counts[order], ratios=RATIOS, seed=seed).tolist() == split[order].tolist()


def test_same_seed_same_split():
    counts = np.random.default_rng(1).integers(0, 5, (40, 8))
    first, again = (split_videos(counts, ratios=RATIOS, seed=3) for _ in range(2))
    assert first.tolist() == again.tolist()


def test_videos_without_a_box_and_no_split_is_empty():
    split = split_videos(np.zeros((5, 2), int), ratios=RATIOS)
    assert set(split) == {0, 1, 2}


@pytest.mark.parametrize(
    ('counts', 'ratios', 'message'),
    [
        ([1, 2], RATIOS, r'counts must have shape \(V, C\), got shape \(2,\)'),
        ([[0.5], [1], [1]], RATIOS, 'counts must be whole numbers >= 0'),
        ([[-1], [1], [1]], RATIOS, 'counts must be whole numbers >= 0'),
        ([[1], [1]], RATIOS, '2 videos cannot fill 3 splits'),
        ([[1], [1]], [0.7, 0.7], r'ratios must be two or more above 0.*got \[0.7, 0.7\]'),
        ([[1], [1]], [1.0, 0.0], 'ratios must be two or more above 0'),
        ([[1], [1]], [1.0], 'ratios must be two or more above 0'),
    ],
)
def test_errors(counts, ratios, message):
    with pytest.raises(ValueError, match=message):
        split_videos(counts, ratios=ratios)


def test_seed_must_be_a_number():
    with pytest.raises(ValueError, match='seed'):
        split_videos([[1], [1], [1]], ratios=RATIOS, seed=-1)
