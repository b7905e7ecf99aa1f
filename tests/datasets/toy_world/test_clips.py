from collections import Counter

import cv2
import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_clip_world
from mmlt.datasets.toy_world.clips import APPEARANCES, MOTIONS, clip_path, draw_clip

CONFIG = ToyWorldConfig(scale=0.05)


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy') / 'clips'
    assert make_clip_world(folder, CONFIG)
    return folder


def _unwrapped(motion, seed):
    return clip_path(motion, CONFIG, np.random.default_rng(seed))


@pytest.mark.parametrize(('name', 'classes'), [('motion', MOTIONS), ('appearance', APPEARANCES)])
def test_lists_name_balanced_classes_and_videos_that_exist(clips, name, classes):
    assert (clips / name / 'labels.txt').read_text().splitlines() == list(classes)
    listed = []
    for split, per_class in (('train', 2), ('val', 1), ('test', 1)):
        rows = [line.split() for line in (clips / name / f'{split}.txt').read_text().splitlines()]
        assert Counter(int(label) for _, label in rows) == dict.fromkeys(range(8), per_class)
        listed += [path for path, _ in rows]
    assert sorted(listed) == sorted(p.name for p in (clips / name / 'videos').iterdir())


def test_videos_decode_as_mmaction2_decodes_them(clips):
    import decord

    path = clips / 'motion' / 'videos' / 'train_0003.mp4'
    reader = decord.VideoReader(str(path), num_threads=1)
    assert len(reader) == 48
    assert reader[0].shape == (64, 64, 3)
    assert reader.get_avg_fps() == pytest.approx(16)
    # Of two clips a class, clip 3 is of class 1 and takes the appearance (3 + 1) % 8.
    rng = np.random.default_rng((CONFIG.seed, 0, 3, 0, 3))
    drawn = draw_clip('drift right', APPEARANCES[4], CONFIG, rng)
    read = np.stack([cv2.cvtColor(reader[i].asnumpy(), cv2.COLOR_RGB2GRAY) for i in range(48)])
    assert np.corrcoef(drawn.ravel(), read.ravel())[0, 1] > 0.9


def test_same_seed_same_bytes_whatever_the_workers(clips, tmp_path):
    make_clip_world(tmp_path / 'clips', CONFIG, workers=2)
    for path in clips.rglob('*'):
        if path.is_file():
            assert (tmp_path / 'clips' / path.relative_to(clips)).read_bytes() == path.read_bytes()
    assert not make_clip_world(tmp_path / 'clips', CONFIG)


def test_every_class_goes_through_the_other_factor():
    config = ToyWorldConfig()
    pairs = {(label, (i + label) % 8) for label in range(8) for i in range(config.clips_train)}
    assert len(pairs) == 64


@pytest.mark.parametrize(
    ('motion', 'sign', 'axis'),
    [('drift left', -1, 0), ('drift right', 1, 0), ('drift up', -1, 1), ('drift down', 1, 1)],
)
def test_drifts_keep_their_direction(motion, sign, axis):
    step = np.diff(_unwrapped(motion, 0), axis=0)
    assert (sign * step[:, axis] > 1).all()
    assert (step[:, 1 - axis] == 0).all()


def test_circles_turn_as_named():
    for motion, sign in (('circle clockwise', 1), ('circle counterclockwise', -1)):
        step = np.diff(_unwrapped(motion, 0), axis=0)
        # y points down, so a positive cross product is a turn clockwise on the screen.
        turn = step[:-1, 0] * step[1:, 1] - step[:-1, 1] * step[1:, 0]
        assert (sign * turn > 0).all()


@pytest.mark.parametrize('motion', MOTIONS)
def test_one_frame_does_not_tell_the_motion(motion):
    places = np.stack([_unwrapped(motion, seed)[20] % 64 for seed in range(600)])
    counts, _, _ = np.histogram2d(*places.T, bins=4, range=[[0, 64], [0, 64]])
    # Uniform over 16 cells: 37.5 each; chi-squared with 15 degrees of freedom, .999 quantile.
    assert ((counts - 37.5) ** 2 / 37.5).sum() < 37.7


def test_stripes_and_shapes_are_the_appearance():
    plain, striped = (
        draw_clip('swing upright', f'{skin} disc', CONFIG, np.random.default_rng(1))
        for skin in ('plain', 'striped')
    )
    assert plain.shape == (48, 64, 64)
    assert plain.mean() > striped.mean() + 1
