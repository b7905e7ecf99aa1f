"""The factor world: who shows what, and that nobody finds it without a trained trunk."""

import numpy as np
import pytest

from mmlt.datasets.toy_world.box_factors import FactorConfig, FactorWorld
from mmlt.functional import roc_auc

SMALL = FactorConfig(
    num_boxes=(3_000, 500, 2_000),
    min_positives=(0, 5, 20),
    num_clips={'A': (800, 80, 160), 'B': (400, 80, 80)},
)


@pytest.fixture(scope='module')
def worlds():
    """Share -> a world that differs in that alone."""
    return {share: FactorWorld(3, SMALL._replace(shared=share)) for share in (0.0, 0.5, 1.0)}


def test_groups_are_those_of_the_paper(worlds):
    assert {name: len(part) for name, part in worlds[0.5].groups.items()} == {
        'head': 8,
        'medium': 23,
        'tail': 29,
    }


def test_each_class_of_ava_has_its_own_set_of_factors(worlds):
    world = worlds[0.5]
    factors, tail = world.box_factors, world.groups['tail']
    assert len(np.unique(factors, axis=0)) == 60 and set(factors.sum(axis=1)) == {4}
    assert not factors[:, world.foreign].any()
    assert set(factors[tail][:, world.own].sum(axis=1)) == {2}
    others = np.setdiff1d(np.arange(60), tail)
    assert not factors[others][:, world.own].any()


@pytest.mark.parametrize(('name', 'num_own'), [('A', 8), ('B', 4)])
def test_clips_show_as_many_of_the_tails_factors_as_asked(worlds, name, num_own):
    shown_before = set()
    for share, world in worlds.items():
        factors = world.clip_factors[name]
        shown = {factor for factor in world.own if factors[:, factor].any()}
        assert len(shown) == round(share * num_own)
        assert shown_before <= shown  # more shared is the same and some more
        foreign = [factor for factor in world.foreign if factors[:, factor].any()]
        assert len(shown) + len(foreign) == num_own
        assert set(factors[:, world.common].sum(axis=1)) == {2}  # as far as AVA's head goes, equal
        assert len(np.unique(factors, axis=0)) == SMALL.num_clip_classes[name]
        shown_before = shown


def test_set_b_tells_its_classes_by_motion_alone(worlds):
    for world in worlds.values():
        assert not world.clip_factors['B'][:, ~world.is_motion].any()
        assert world.clip_factors['A'][:, ~world.is_motion].any()


def test_what_is_shared_changes_nothing_of_ava(worlds):
    boxes = [world.boxes('train', sample=2) for world in worlds.values()]
    for other in boxes[1:]:
        assert np.array_equal(boxes[0].features, other.features)
        assert np.array_equal(boxes[0].targets, other.targets)


def test_a_seed_gives_the_same_world_and_another_another():
    first, again, other = (FactorWorld(seed, SMALL) for seed in (1, 1, 2))
    for draw in (lambda w: w.boxes('val').features, lambda w: w.clips('B', 'train', 1).features):
        assert np.array_equal(draw(first), draw(again))
        assert not np.array_equal(draw(first), draw(other))
    assert not np.array_equal(first.boxes('train', 0).features, first.boxes('train', 1).features)


def test_every_split_has_the_same_prior(worlds):
    world = worlds[0.5]
    for split, num_boxes in zip(('train', 'val', 'test'), SMALL.num_boxes):
        boxes = world.boxes(split)
        natural = boxes.targets[: boxes.num_natural]
        assert boxes.num_natural == num_boxes
        assert np.abs(natural.mean(axis=0) - world.priors.probs).max() < 1 / num_boxes


def test_boxes_that_fill_a_class_up_count_in_its_column_alone(worlds):
    boxes = worlds[0.5].boxes('test')
    more = slice(boxes.num_natural, None)
    assert boxes.valid[: boxes.num_natural].all()
    assert set(boxes.valid[more].sum(axis=1)) == {1}
    assert boxes.targets[more][boxes.valid[more]].all()
    assert (boxes.targets * boxes.valid).sum(axis=0).min() == 20


def test_clips_are_balanced(worlds):
    clips = worlds[0.5].clips('A', 'train')
    assert clips.features.shape == (800, 64) and clips.features.dtype == np.float32
    assert set(np.bincount(clips.labels)) == {10}


def test_clips_and_boxes_are_seen_through_the_same_mixing(worlds):
    world = worlds[0.5]
    boxes = world.boxes('train').features
    assert np.abs(boxes.mean(axis=0)).max() < 0.1 and np.abs(boxes.std(axis=0) - 1).max() < 0.1
    of_boxes = np.linalg.eigh(np.cov(boxes.T))[1][:, -8:]  # where most of the variance lies
    clips = world.clips('A', 'train').features
    inside = np.square(clips @ of_boxes).sum() / np.square(clips).sum()
    assert inside > 2 * 8 / 64


def _linear_auc(train, targets, test, test_targets):
    """Mean area under the curve of a linear classifier by least squares."""
    train, test = (np.hstack([part, np.ones((len(part), 1))]) for part in (train, test))
    ridge = train.T @ train + 10 * np.eye(train.shape[1])
    return np.mean(roc_auc(test @ np.linalg.solve(ridge, train.T @ targets), test_targets))


def test_an_untrained_trunk_fails():
    """Linear classifiers find no class, neither in the input nor behind a random trunk."""
    world = FactorWorld(0, SMALL)
    train, test = world.boxes('train'), world.boxes('test')
    num = test.num_natural
    head = world.groups['head']  # of these there are enough for any classifier
    sets = [train.features, train.targets[:, head], test.features[:num], test.targets[:num, head]]
    assert _linear_auc(*sets) < 0.6
    weights = np.random.default_rng(0).standard_normal((64, 128)) / 8
    trunk = [np.maximum(sets[i] @ weights, 0) for i in (0, 2)]
    assert _linear_auc(trunk[0], sets[1], trunk[1], sets[3]) < 0.75


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: FactorWorld(-1), 'seed must be an integer of at least 0, got -1'),
        (lambda: FactorWorld(0, SMALL._replace(shared=1.5)), r'shared must be .*got 1\.5'),
        (lambda: FactorWorld(0, SMALL).boxes('dev'), "split must be one of .*got 'dev'"),
        (lambda: FactorWorld(0, SMALL).clips('C', 'val'), "name must be one of .*got 'C'"),
    ],
)
def test_messages(call, message):
    with pytest.raises(ValueError, match=message):
        call()
