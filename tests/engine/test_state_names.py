"""Patterns over names of parameters and buffers."""

from __future__ import annotations

import pytest

from mmlt.engine.state_names import as_patterns, check_each_covers, is_covered, near_names

NAMES = [
    'backbone.conv1.weight',
    'backbone.bn1.running_mean',
    'backbone2.conv1.weight',
    'roi_head.bbox_head.fc_cls.weight',
    'roi_head.bbox_head.fc_cls.bias',
]


@pytest.mark.parametrize(
    ('pattern', 'covered'),
    [
        ('*', NAMES),
        ('backbone', NAMES[:2]),  # whole parts: backbone2 is another module
        ('backbone*', NAMES[:3]),
        ('*.conv1', [NAMES[0], NAMES[2]]),
        ('*.conv?.weight', [NAMES[0], NAMES[2]]),
        ('roi_head.bbox_head.fc_cls*', NAMES[3:]),
        ('roi_head.bbox_head.fc_cls.bias', NAMES[4:]),
        ('*.[bf]*.bias', NAMES[4:]),
        ('fc_cls', []),
        ('Backbone', []),
        ('backbone.', []),
    ],
)
def test_what_a_pattern_covers(pattern, covered):
    assert [name for name in NAMES if is_covered(name, (pattern,))] == covered


def test_one_pattern_is_enough():
    assert is_covered('a.b', ('x', 'a'))
    assert not is_covered('a.b', ())


def test_one_pattern_may_stand_alone():
    assert as_patterns('frozen', 'backbone') == ('backbone',)
    assert as_patterns('frozen', ['a', 'b']) == ('a', 'b')


@pytest.mark.parametrize('patterns', [None, 3, {'a': 1}])
def test_no_list_of_patterns(patterns):
    with pytest.raises(ValueError, match='^frozen must be a pattern or a list of patterns, got '):
        as_patterns('frozen', patterns)


@pytest.mark.parametrize('pattern', ['', None, 1])
def test_no_pattern(pattern):
    with pytest.raises(ValueError, match=f'^trained holds {pattern!r}, which is no pattern'):
        as_patterns('trained', ['a', pattern])


def test_near_names():
    assert near_names('fc_cls', NAMES)[0] == 'roi_head.bbox_head.fc_cls'
    assert near_names('bbox_head.fc_cls*', NAMES)[0] == 'roi_head.bbox_head.fc_cls'
    assert near_names('backbones', NAMES)[:2] == ['backbone', 'backbone2']


def test_a_pattern_that_covers_nothing():
    check_each_covers('frozen', ('backbone', '*.fc_cls'), NAMES)
    with pytest.raises(ValueError) as error:
        check_each_covers('frozen', ('backbone', 'backbone.bn2'), NAMES)
    assert str(error.value) == (
        "frozen: the pattern 'backbone.bn2' matches no weight and no statistic of the model. Near "
        'names: backbone.bn1, backbone2, backbone, backbone.conv1'
    )
