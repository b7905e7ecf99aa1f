import dataclasses

import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig
from mmlt.datasets.toy_world.drawing import GREY, MARKS, motion_path
from mmlt.datasets.toy_world.labels import HELD_OBJECTS, INTERACTIONS, POSES
from mmlt.datasets.toy_world.scenes import draw_look, place_actors, render_video

# One actor on an empty ground: what is not grey is the actor.
CLEAN = dataclasses.replace(
    ToyWorldConfig(),
    background_std=0.0,
    num_clutter=0,
    noise_std=0.0,
    texture=0.0,
    size_range=(1.0, 1.0),
    contrast_range=(1.0, 1.0),
)


def _centroids(frames):
    """Centres (T, 2) of brightness, pixels (x, y)."""
    light = np.abs(frames.astype(float) - GREY)
    rows, columns = np.mgrid[: frames.shape[1], : frames.shape[2]]
    total = light.sum(axis=(1, 2))
    return np.stack([(light * g).sum(axis=(1, 2)) / total for g in (columns, rows)], axis=1)


def _second(ranks, config=CLEAN, seed=0, above=None):
    rng = np.random.default_rng(seed)
    above = None if above is None else [np.array([above])]
    seconds = list(render_video(config, [np.array([ranks])], rng, above))
    return seconds[1]


@pytest.mark.parametrize('pose', range(20))
def test_an_actor_moves_as_its_label_says_and_its_box_is_that_of_the_keyframe(pose):
    second = _second([pose, -1, -1])
    centres = _centroids(second.frames)
    motion, direction = POSES[pose][0].split()
    step = centres[-1] - centres[0]
    expected = {'left': (-8, 0), 'right': (8, 0), 'up': (0, -8), 'down': (0, 8)}
    if motion == 'drift':
        np.testing.assert_allclose(step, expected[direction], atol=0.3)
    else:
        moving = int(direction == 'upright')
        assert np.ptp(centres[:, moving]) > 3
        assert np.ptp(centres[:, 1 - moving]) < 0.3
    box = second.boxes[0] * [96, 64, 96, 64]
    # Corners are in units in which the first pixel reaches from 0 to 1; each jitters by a pixel.
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, centres[4] + 0.5, atol=1.3)


@pytest.mark.parametrize('rank', range(6))
def test_an_object_is_on_its_side(rank):
    alone, holding = (_second([0, held, -1]).frames.astype(float) for held in (-1, rank))
    offset = _centroids(holding - alone + GREY)[:, 0] - _centroids(alone)[:, 0]
    side = HELD_OBJECTS[rank][1]
    assert (offset < -5).all() if side == 'left' else (offset > 5).all()


@pytest.mark.parametrize('rank', range(6))
def test_an_object_held_above_shows_its_kind_and_no_side(rank):
    alone, holding = (
        _second([0, held, -1], above=True).frames.astype(float) for held in (-1, rank)
    )
    offset = _centroids(holding - alone + GREY) - _centroids(alone)
    np.testing.assert_allclose(offset[:, 0], 0, atol=0.7)
    assert (offset[:, 1] < -5).all()
    of_kind = [other for other in range(6) if HELD_OBJECTS[other][0] == HELD_OBJECTS[rank][0]]
    frames = [_second([0, other, -1], above=True).frames for other in of_kind]
    np.testing.assert_array_equal(frames[0], frames[1])
    others = [_second([0, other, -1], above=True).frames for other in range(6)]
    assert sum((each == frames[0]).all() for each in others) == 2


def test_nobody_holds_above_unless_told():
    np.testing.assert_array_equal(_second([3, 1, 2]).frames, _second([3, 1, 2], above=False).frames)


@pytest.mark.parametrize('rank', range(4))
def test_a_partner_walks_as_its_label_says(rank):
    alone, pair = (_second([0, -1, partner]).frames.astype(float) for partner in (-1, rank))
    distance = _centroids(pair - alone + GREY)[:, 0] - _centroids(alone)[:, 0]
    side, approach = INTERACTIONS[rank]
    assert (distance < -8).all() if side == 'left' else (distance > 8).all()
    assert np.sign(np.diff(abs(distance))).mean() == (-1 if approach == 'approaching' else 1)


def test_seconds_join_and_fill_the_video():
    config = CLEAN
    actors = [np.array([[k % 20, -1, -1]]) for k in range(config.keyframes_per_video)]
    next_frame = 1
    for second in render_video(config, actors, np.random.default_rng(0)):
        assert second.first_frame == next_frame
        next_frame += len(second.frames)
    assert next_frame - 1 == config.fps * (config.keyframes_per_video + 1)


def test_a_video_keeps_its_ground_and_changes_its_noise():
    config = dataclasses.replace(ToyWorldConfig(), noise_std=0.05)
    actors = [np.array([[0, -1, -1]])] * 2
    seconds = list(render_video(config, actors, np.random.default_rng(0)))
    first, last = (s.frames.astype(float) for s in (seconds[0], seconds[-1]))
    assert np.corrcoef(first.mean(0).ravel(), last.mean(0).ravel())[0, 1] > 0.95
    assert (first[0] != first[1]).mean() > 0.5


def test_actors_keep_apart_and_inside():
    config = ToyWorldConfig()
    rng = np.random.default_rng(0)
    look = draw_look(config, rng)
    gaps = []
    for _ in range(200):
        centres = place_actors(3, look, config, rng)
        half = np.asarray(config.box_half) * look.size
        assert (centres >= half).all()
        assert (centres <= np.array([config.width, config.height]) - half).all()
        distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
        gaps.append(distance[np.triu_indices(3, 1)].min())
    assert np.median(gaps) > 2 * config.body_radius * 1.5


@pytest.mark.parametrize('mark', ['disc', 'square', 'ring', 'cross'])
def test_shapes_reach_about_as_far_but_cover_differently(mark):
    axis = np.arange(-15, 16, dtype=float)
    cover = MARKS[mark](axis[None, :], axis[:, None], 7.0)
    assert cover.min() == 0
    assert cover.max() == 1
    assert 6 <= abs(axis[cover.max(axis=0) > 0.4]).max() <= 8
    np.testing.assert_allclose(cover, cover.T)
    np.testing.assert_allclose(cover, cover[::-1])


def test_disc_covers_its_area():
    axis = np.arange(-15, 16, dtype=float)
    cover = MARKS['disc'](axis[None, :], axis[:, None], 7.0)
    assert cover.sum() == pytest.approx(np.pi * 49, rel=0.01)


def test_motion_path_by_hand():
    drift = motion_path('drift up', 3, drift=4.0, shake=1.0, period=4.0, phase=0.0)
    np.testing.assert_allclose(drift, [[0, 2], [0, 0], [0, -2]])
    shake = motion_path('shake sideways', 4, drift=4.0, shake=1.0, period=4.0, phase=0.0)
    np.testing.assert_allclose(shake, [[0, 0], [1, 0], [0, 0], [-1, 0]], atol=1e-12)
