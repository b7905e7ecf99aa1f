"""Boxes with AVA's class frequencies."""

import numpy as np
import pytest

from mmlt.datasets.toy_world.box_labels import ava_priors, class_quotas, draw_targets, fill_up

PRIORS = ava_priors()


def test_priors_are_shares_of_avas_boxes():
    # "stand" and "point to" of the counts that ship; poses sum to the boxes, 333,969
    assert len(PRIORS.counts) == 60
    assert PRIORS.probs.max() == pytest.approx(168_148 / 333_969)
    assert PRIORS.probs.min() == pytest.approx(97 / 333_969)
    assert [len(kind) for kind in PRIORS.kinds] == [13, 32, 15]
    assert PRIORS.probs[PRIORS.kinds[0]].sum() == pytest.approx(1)


@pytest.mark.parametrize('num_boxes', [500, 4_000, 15_360, 16_000])
def test_quotas_are_the_prior_but_for_rounding(num_boxes):
    quotas = class_quotas(PRIORS, num_boxes)
    assert np.abs(quotas - num_boxes * PRIORS.probs).max() < 1
    assert quotas[PRIORS.kinds[0]].sum() == num_boxes


@pytest.mark.parametrize('num_boxes', [500, 4_000])
def test_boxes_have_exactly_the_quotas_and_avas_kinds_of_labels(num_boxes):
    targets = draw_targets(PRIORS, num_boxes, np.random.default_rng(0))
    assert targets.dtype == np.uint8 and targets.max() == 1
    assert targets.sum(axis=0).tolist() == class_quotas(PRIORS, num_boxes).tolist()
    poses, objects, persons = (targets[:, kind].sum(axis=1) for kind in PRIORS.kinds)
    assert set(poses) == {1} and set(objects) == {0, 1} and set(persons) == {1, 2}


def test_filling_up_gives_each_class_its_positives():
    rng = np.random.default_rng(0)
    natural = draw_targets(PRIORS, 4_000, rng)
    more, columns = fill_up(PRIORS, natural, 60, rng)
    assert more[np.arange(len(more)), columns].all()
    in_column = natural.sum(axis=0, dtype=int) + np.bincount(columns, minlength=60)
    assert in_column.min() == 60 and (more[:, PRIORS.kinds[0]].sum(axis=1) == 1).all()
    none, columns = fill_up(PRIORS, natural, 0, rng)
    assert none.shape == (0, 60) and len(columns) == 0
