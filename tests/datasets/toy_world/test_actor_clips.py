import dataclasses
from collections import Counter

import cv2
import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_actor_clip_world
from mmlt.datasets.toy_world.actor_clips import CLASS_RANKS, draw_actor_clip
from mmlt.datasets.toy_world.config import SPLITS
from mmlt.datasets.toy_world.folders import part_settings
from mmlt.datasets.toy_world.labels import MOTIONS, POSES, SHAPES, head_medium_tail, label_names

CONFIG = ToyWorldConfig(scale=0.02)


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy') / 'actor_clips'
    assert make_actor_clip_world(folder, CONFIG)
    return folder


def _tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_half_of_the_tail_poses_are_shared():
    groups = head_medium_tail(ToyWorldConfig())
    ids = [rank + 1 for rank in CLASS_RANKS]  # poses have the ids 1 to 20
    tail_poses = [i for i in groups['tail'] if i <= len(POSES)]
    shared = [i for i in tail_poses if i in ids]
    assert (len(tail_poses), len(shared)) == (11, 6)
    assert shared == tail_poses[::2]  # neither the commoner ones nor the rarer
    assert [i for i in ids if i not in tail_poses] == [i for i in groups['head'] if i <= 20]


def test_every_motion_and_every_shape_is_shown():
    motions, shapes = zip(*(POSES[rank] for rank in CLASS_RANKS))
    assert set(motions) == set(MOTIONS)
    assert set(shapes) == set(SHAPES)


def test_lists_name_balanced_classes_and_videos_that_exist(clips):
    names = label_names(CONFIG)
    labels = (clips / 'labels.txt').read_text().splitlines()
    assert labels == [names[rank + 1] for rank in CLASS_RANKS]
    listed = []
    for split, per_class in (('train', 4), ('val', 1), ('test', 1)):  # .02 of 200, 20 and 40
        rows = [line.split() for line in (clips / f'{split}.txt').read_text().splitlines()]
        assert Counter(int(label) for _, label in rows) == dict.fromkeys(range(12), per_class)
        listed += [path for path, _ in rows]
    assert sorted(listed) == sorted(p.name for p in (clips / 'videos').iterdir())


def test_videos_decode_as_mmaction2_decodes_them(clips):
    import decord

    reader = decord.VideoReader(str(clips / 'videos' / 'train_0009.mp4'), num_threads=1)
    assert len(reader) == 12  # one and a half of the detector's 8
    assert reader[0].shape == (32, 32, 3)
    assert reader.get_avg_fps() == pytest.approx(8)
    # of four clips a class, clip 9 is of the third class
    drawn = draw_actor_clip(2, CONFIG, np.random.default_rng((CONFIG.seed, 0, 8, 9)))
    read = np.stack([cv2.cvtColor(reader[i].asnumpy(), cv2.COLOR_RGB2GRAY) for i in range(12)])
    assert np.corrcoef(drawn.ravel(), read.ravel())[0, 1] > 0.9


def test_same_seed_same_bytes_whatever_the_workers(clips, tmp_path):
    make_actor_clip_world(tmp_path / 'same', CONFIG, workers=2)
    assert _tree(tmp_path / 'same') == _tree(clips)
    assert not make_actor_clip_world(tmp_path / 'same', CONFIG)
    make_actor_clip_world(tmp_path / 'other', dataclasses.replace(CONFIG, seed=1))
    name = 'videos/train_0000.mp4'
    assert (tmp_path / 'other' / name).read_bytes() != (clips / name).read_bytes()


def _bare(**settings):
    """Settings without ground, clutter, texture, noise, objects and partners."""
    quiet = dict.fromkeys(('background_std', 'clutter', 'texture', 'noise_std'), 0.0)
    return dataclasses.replace(
        ToyWorldConfig(), **quiet, object_prob=0.0, interaction_prob=0.0, **settings
    )


def _centres(frames):
    """Centres (T, 2), x and y, of what is brighter than the ground."""
    rows, columns = np.mgrid[: frames.shape[1], : frames.shape[2]]
    weights = frames.astype(float) - 128
    total = weights.sum(axis=(1, 2))
    return np.stack([(weights * axis).sum(axis=(1, 2)) / total for axis in (columns, rows)], axis=1)


def test_an_actor_moves_as_fast_for_its_size_as_in_ava():
    # a drift covers 8 pixels in the 8 frames of a detector's clip at size 1, so 8 / 7 a frame
    config = _bare(actor_clips_size_range=(1.5, 1.5), actor_clips_size=96)  # all of it is seen
    steps = np.diff(_centres(draw_actor_clip(0, config, np.random.default_rng(0))), axis=0)
    np.testing.assert_allclose(steps[:, 0], -1.5 * 8 / 7, atol=0.02)  # rank 0 drifts left
    np.testing.assert_allclose(steps[:, 1], 0, atol=0.02)


def test_one_actor_fills_the_frame():
    """A disc's area is pi times the square of the radius, 7 pixels at size 1."""
    config = _bare(
        actor_clips_size_range=(1.8, 1.8), contrast_range=(1.0, 1.0), actor_clips_size=96
    )
    frames = draw_actor_clip(0, config, np.random.default_rng(0)).astype(float) - 128
    area = frames.sum(axis=(1, 2)) / (64 * config.actor)
    np.testing.assert_allclose(area, np.pi * (7 * 1.8) ** 2, rtol=0.02)


def test_objects_and_partners_come_as_often_as_in_ava():
    config = _bare()
    held = dataclasses.replace(config, object_prob=1.0, interaction_prob=1.0)
    bare, full = (
        draw_actor_clip(0, each, np.random.default_rng(3)).astype(int).sum()
        for each in (config, held)
    )
    assert full > bare


def test_its_settings_are_its_own():
    """A setting of this set leaves the other parts as they are; the AVA set's decide this one."""
    changed = dataclasses.replace(ToyWorldConfig(), actor_clips_train=7)
    for part in ('ava', 'clips', 'features', 'videos'):
        assert part_settings(part, changed) == part_settings(part, ToyWorldConfig())
        assert not [name for name in part_settings(part, changed) if 'actor_clips' in name]
    settings = part_settings('actor_clips', changed)
    assert settings['actor_clips_train'] == 7
    assert settings['noise_std'] == changed.noise_std
    assert [name for name in settings if name.startswith(('clips_', 'features_'))] == []


@pytest.mark.parametrize('split', SPLITS)
def test_a_class_has_at_least_one_clip(split):
    with pytest.raises(ValueError, match=f'actor_clips_{split} must be at least 1, got 0'):
        dataclasses.replace(CONFIG, **{f'actor_clips_{split}': 0})
