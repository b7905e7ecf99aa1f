import numpy as np
import pytest

from mmlt.datasets.toy_world.dealing import Deck, deal, quotas


def test_quotas_by_hand():
    # 10 * .05 = .5 is lifted to 2; the other 8 are split 19:76 -> 1.6, which is lifted too.
    assert quotas(np.array([0.76, 0.19, 0.05]), 10, 2).tolist() == [6, 2, 2]
    # Largest remainder: 3.5, 2.1, 1.4 -> 3, 2, 1 and one more for the first.
    assert quotas(np.array([0.5, 0.3, 0.2]), 7, 0).tolist() == [4, 2, 1]


def test_quotas_lower_a_floor_that_is_too_dear():
    assert quotas(np.array([0.9, 0.05, 0.05]), 4, 5).tolist() == [2, 1, 1]


@pytest.mark.parametrize('is_shared', [False, True])
def test_every_label_is_dealt_to_a_box_of_its_own(is_shared):
    deck = Deck(np.array([7, 0, 5]), np.array([is_shared] * 3))
    labels = deal(deck, np.repeat([2, 4, 5], [4, 6, 4]), 3, np.random.default_rng(0))
    assert np.bincount(labels[labels >= 0], minlength=3).tolist() == [7, 0, 5]
    assert (labels < 0).sum() == 2


def test_runs_stay_within_a_video():
    video = np.repeat(np.arange(10), 8)
    deck = Deck(np.array([6, 40]), np.array([True, False]))
    labels = deal(deck, video, 6, np.random.default_rng(0))
    assert len(set(video[labels == 0])) == 1
    assert len(set(video[labels == 1])) > 5
