from __future__ import annotations

import numpy as np
import pytest

from mmlt.evaluation.scenes import Scene, choose_scenes

HERE, THERE, NEAR = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 0.6)


def _scene(video, second, box, person=None):
    return Scene(video, second, np.array(box), person)


@pytest.mark.parametrize(
    'alike',
    [
        _scene('a', 902, THERE),  # the same keyframe
        _scene('a', 950, NEAR),  # the same place: IoU 0.6
        _scene('a', 950, THERE, 7),  # the same person, elsewhere
    ],
)
def test_what_is_alike_is_passed_over(alike):
    scenes = [_scene('a', 902, HERE, 7), alike, _scene('b', 902, HERE, 7)]
    assert choose_scenes(scenes, 2) == [0, 2]


@pytest.mark.parametrize(
    'other',
    [
        _scene('a', 903, THERE),
        _scene('a', 903, THERE, 8),
        _scene('a', 903, (0.0, 0.0, 0.5, 0.49), 8),  # IoU 0.49
        _scene('b', 902, HERE, 7),
    ],
)
def test_what_differs_is_taken(other):
    assert choose_scenes([_scene('a', 902, HERE, 7), other], 2) == [0, 1]


def test_an_unknown_person_is_nobody_in_particular():
    assert choose_scenes([_scene('a', 902, HERE), _scene('a', 903, THERE)], 2) == [0, 1]


def test_other_keyframes_fill_up_before_the_same_one():
    scenes = [
        _scene('a', 902, HERE),
        _scene('a', 902, THERE),
        _scene('a', 903, HERE),
        _scene('a', 904, HERE),
    ]
    assert choose_scenes(scenes, 1) == [0]
    assert choose_scenes(scenes, 2) == [0, 2]
    assert choose_scenes(scenes, 3) == [0, 2, 3]
    assert choose_scenes(scenes, 4) == choose_scenes(scenes, 9) == [0, 1, 2, 3]


def test_none_is_none_and_a_long_list_is_not_gone_through():
    assert choose_scenes([], 4) == []
    endless = (_scene('a', 902, HERE) for _ in iter(int, 1))
    assert choose_scenes(endless, 2) == [0, 1]
