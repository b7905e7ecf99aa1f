import dataclasses

import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig
from mmlt.datasets.toy_world.proposals import draw_proposals, pairwise_iou


@pytest.fixture(scope='module')
def drawn():
    """Two boxes a keyframe with their proposals, over 1,500 keyframes."""
    rng = np.random.default_rng(0)
    keyframes = []
    for _ in range(1500):
        centre = rng.uniform([0.2, 0.3], [0.3, 0.7], size=(2, 2)) + [[0, 0], [0.45, 0]]
        boxes = np.concatenate([centre - [0.12, 0.17], centre + [0.12, 0.17]], axis=1)
        keyframes.append((boxes, draw_proposals(boxes, ToyWorldConfig(), rng)))
    return keyframes


def test_pairwise_iou_by_hand():
    boxes = np.array([[0, 0, 2, 2.0]])
    others = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [2, 2, 3, 3.0]])
    np.testing.assert_allclose(pairwise_iou(boxes, others), [[1, 1 / 7, 0]])


def test_recall_is_what_the_settings_ask(drawn):
    found = [pairwise_iou(boxes, p[:, :4]).max(axis=1) >= 0.5 for boxes, p in drawn]
    assert 0.92 <= np.mean(found) <= 0.96


def test_scores_tell_true_from_false(drawn):
    best = np.concatenate([pairwise_iou(p[:, :4], boxes).max(axis=1) for boxes, p in drawn])
    scores = np.concatenate([p[:, 4] for _, p in drawn])
    true, false = scores[best >= 0.5], scores[best < 0.5]
    assert 0.15 < len(false) / len(scores) < 0.3
    assert np.mean(true > 0.7) > 0.9
    assert np.mean(false > 0.7) < 0.1
    assert np.corrcoef(best[best >= 0.5], true)[0, 1] > 0.3


def test_every_keyframe_has_proposals_within_the_frame_best_first(drawn):
    for _, proposals in drawn:
        assert len(proposals) >= 1
        assert proposals.min() >= 0
        assert proposals.max() <= 1
        assert (proposals[:, :2] < proposals[:, 2:4]).all()
        assert (np.diff(proposals[:, 4]) <= 0).all()


def test_a_keyframe_whose_boxes_are_all_missed_has_a_false_proposal():
    config = dataclasses.replace(ToyWorldConfig(), proposal_miss_prob=1.0, proposal_false_rate=0.0)
    proposals = draw_proposals(np.array([[0.1, 0.1, 0.3, 0.4]]), config, np.random.default_rng(0))
    assert proposals.shape == (1, 5)
