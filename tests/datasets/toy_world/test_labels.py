import dataclasses

import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig
from mmlt.datasets.toy_world.ava import label_counts
from mmlt.datasets.toy_world.config import SPLITS
from mmlt.datasets.toy_world.labels import (
    HELD_OBJECTS,
    INTERACTIONS,
    MOTIONS,
    POSES,
    SHAPES,
    expected_counts,
    head_medium_tail,
    label_kinds,
    label_names,
    plan_boxes,
    zipf_probs,
)


def _max_share_of_one_video(plan, kind, rank):
    videos = plan.video[plan.labels[:, kind] == rank]
    return np.bincount(videos).max() / len(videos)


def test_zipf_probs_by_hand():
    # (r + 1)^-1 of 1, 1/2, 1/3 has the sum 11/6, so the last is 2/11 and the exponent 1.
    np.testing.assert_allclose(zipf_probs(3, 2 / 11, offset=1), [6 / 11, 3 / 11, 2 / 11])


def test_zipf_probs_of_the_flat_law():
    np.testing.assert_allclose(zipf_probs(4, 0.25), [0.25] * 4)


@pytest.mark.parametrize('rarest', [0.0, 0.26])
def test_zipf_probs_out_of_range(rarest):
    with pytest.raises(ValueError, match=r'rarest_prob must be in \(0, 1/4\]'):
        zipf_probs(4, rarest)


def test_first_six_poses_cover_every_motion_and_shape():
    assert {motion for motion, _ in POSES[:6]} == set(MOTIONS)
    assert {shape for _, shape in POSES[:6]} == set(SHAPES)


def test_classes_are_thirty_different_ones():
    assert (len(set(POSES)), len(set(HELD_OBJECTS)), len(set(INTERACTIONS))) == (20, 6, 4)
    names = label_names(ToyWorldConfig())
    assert list(names) == list(range(1, 31))
    assert len(set(names.values())) == 30
    assert (names[1], names[21], names[27]) == (
        'drift left disc',
        'hold wand left',
        'partner left approaching',
    )


def test_expected_training_counts_have_a_tail():
    config = ToyWorldConfig()
    counts = expected_counts(config)
    for kind in label_kinds(config):
        of_kind = [counts[kind.first_id + i] for i in range(len(kind.names))]
        assert of_kind == sorted(of_kind, reverse=True)
        assert sum(of_kind) == pytest.approx(config.train_boxes * kind.prob)
    assert counts[1] > 2500
    assert counts[20] == pytest.approx(6)
    groups = head_medium_tail(config)
    assert sorted(groups['head'] + groups['medium'] + groups['tail']) == list(range(1, 31))
    assert [len(groups[g]) for g in ('head', 'medium', 'tail')] == [11, 4, 15]


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_counts_follow_the_law_in_every_seed(seed):
    config = ToyWorldConfig(seed=seed)
    expected = expected_counts(config)
    train = label_counts(config, plan_boxes(config, 'train'))
    assert all(abs(train[i] - expected[i]) <= 1 for i in expected)
    assert max(train.values()) > 1000
    assert min(train.values()) < 10
    for split, floor in (('val', config.val_floor), ('test', config.test_floor)):
        counts = label_counts(config, plan_boxes(config, split))
        assert floor >= 30
        assert min(counts.values()) >= floor
        assert max(counts.values()) > 10 * floor


@pytest.mark.parametrize('split', SPLITS)
def test_every_actor_has_one_pose_and_every_keyframe_an_actor(split):
    config = ToyWorldConfig()
    plan = plan_boxes(config, split)
    assert len(plan.video) == config.num_boxes(split)
    assert (plan.labels[:, 0] >= 0).all()
    assert (plan.labels[:, 1] >= 0).sum() == round(0.5 * len(plan.video))
    assert (plan.labels[:, 2] >= 0).sum() == round(0.35 * len(plan.video))
    actors = np.bincount(plan.video * config.keyframes_per_video + plan.keyframe)
    assert len(actors) == plan.num_videos * config.keyframes_per_video
    assert (actors.min(), actors.max()) == (1, 3)
    assert (np.diff(plan.video * config.keyframes_per_video + plan.keyframe) >= 0).all()


def test_boxes_of_rare_training_labels_come_in_runs_within_a_video():
    config = ToyWorldConfig()
    plan = plan_boxes(config, 'train')
    groups = head_medium_tail(config)
    for kind, labels in zip(label_kinds(config), plan.labels.T):
        for rank in range(len(kind.names)):
            if kind.first_id + rank in groups['head']:
                continue
            in_video = np.bincount(plan.video[labels == rank])
            in_video = in_video[in_video > 0]
            assert in_video.min() >= config.share - 2
            assert len(in_video) <= max(1, (labels == rank).sum() // (config.share - 2))


@pytest.mark.parametrize(('split', 'share'), [('train', 1), ('val', 6), ('test', 6)])
def test_rare_labels_are_spread_otherwise(split, share):
    config = ToyWorldConfig(share=share)
    plan = plan_boxes(config, split)
    shared = plan_boxes(ToyWorldConfig(), 'train')
    assert _max_share_of_one_video(plan, 0, 11) < 0.5 * _max_share_of_one_video(shared, 0, 11)


def test_the_seed_deals_the_labels_anew():
    plans = [plan_boxes(ToyWorldConfig(seed=seed), 'test').labels for seed in (0, 0, 1)]
    np.testing.assert_array_equal(plans[0], plans[1])
    assert not np.array_equal(plans[0], plans[2])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'scale': 0.0}, r'scale must be in \(0, 1\], got 0.0'),
        ({'scale': 0.001}, '6 boxes do not fill one video of 24 keyframes'),
        ({'seed': -1}, 'seed must be at least 0, got -1'),
        ({'fps': 7}, 'fps=7 must be at least clip_len=8'),
        ({'share': 0}, 'share must be at least 1, got 0'),
        ({'share': 2.5}, 'share must be a whole number, got 2.5'),
        ({'fps': 'x'}, "fps must be a whole number, got 'x'"),
        ({'seed': True}, 'seed must be a whole number, got True'),
        ({'keyframes_per_video': 0}, 'keyframes_per_video must be at least 1, got 0'),
        ({'jpeg_quality': 0}, 'jpeg_quality must be from 1 to 100, got 0'),
        ({'proposal_miss_prob': 2}, 'proposal_miss_prob must be from 0 to 1, got 2'),
        ({'noise_std': -0.1}, 'noise_std must be at least 0, got -0.1'),
        ({'noise_std': float('nan')}, 'noise_std must be a finite number, got nan'),
        ({'size_range': 3}, 'size_range must be a tuple of two numbers, got 3'),
        ({'size_range': (1.0, 'x')}, r"size_range must be a finite number, got \(1.0, 'x'\)"),
        ({'size_range': (2.0, 1.0)}, 'size_range must not fall from its first number'),
        ({'actors_probs': ()}, r'actors_probs must be a tuple of numbers, got \(\)'),
        ({'actors_probs': (0, 0.0)}, 'actors_probs must not all be 0'),
        ({'partner_near': 20}, 'partner_near=20 must not exceed partner_far=17.0'),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(ToyWorldConfig(), **change)
