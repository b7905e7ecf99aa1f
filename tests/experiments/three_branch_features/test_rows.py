"""One row: what it is judged by, and that it learns."""

import numpy as np
import pytest
import torch

from mmlt.experiments.three_branch_features.rows import MEASURES, measure, run_row, train_row


def test_measures_by_hand(data):
    split = data.splits['test']
    targets = split.targets.numpy()
    found = measure(targets + 0.0, split, data.groups)
    assert list(found['means']) == list(MEASURES)
    assert set(found['means'].values()) == {1.0}
    # one object's boxes of context below all others: AP (1 + 2 + ...) of its own places
    scores, column = targets + 0.0, data.groups['objects'][0]
    scores[split.context > 0, column] -= 2 * targets[split.context > 0, column]
    found = measure(scores, split, data.groups)
    of_context = split.context > 0
    number, positives = of_context.sum(), targets[of_context, column].sum()
    ranks = np.arange(number - positives + 1, number + 1)
    expected = (np.arange(1, positives + 1) / ranks).mean()
    assert found['means']['AP context'] == pytest.approx((5 + expected) / 6)
    assert found['means']['AP objects'] < 1 and found['means']['AP poses'] == 1
    assert len(found['per_class']['AP']) == 30


def test_a_world_without_context_has_no_such_measure(data):
    split = data.splits['test']._replace(context=np.zeros(len(data.splits['test'].boxes), int))
    found = measure(split.targets.numpy() + 0.0, split, data.groups)
    assert list(found['means']) == [name for name in MEASURES if name != 'AP context']


@pytest.mark.parametrize('row', ['roi', 'all'])
def test_a_row_learns_and_says_which_checkpoint_it_is(data, row):
    found = run_row(data, row, 60, 0.01, 0)
    assert found['val'] == max(found['curve']) > found['curve'][0]
    assert found['step'] == 6 * (found['curve'].index(found['val']) + 1)
    assert found['means']['AP all'] > 2 * data.splits['test'].targets.mean().item()


def test_a_seed_decides_a_row(data):
    first, second, other = (train_row(data, 'long_term', 10, 0.03, seed)[0] for seed in (0, 0, 1))
    scores = [model.score(data.splits['val']) for model in (first, second, other)]
    assert torch.equal(scores[0], scores[1]) and not torch.equal(scores[0], scores[2])
