"""The CSV of a split and the label map: read back by mmlt and by mmaction2."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmaction.evaluation.functional.ava_utils import read_csv, read_labelmap

from mmlt.datasets.own_data.annotation_files import (
    number_persons,
    write_ava_csv,
    write_label_map,
)
from mmlt.datasets.own_data.keyframe_boxes import KeyframeBox
from mmlt.fileio.label_map import read_label_map
from mmlt.functional import read_ava_csv

CORNERS = (0.1, 0.2, 0.5, 1 / 3)


def _box(person=None, video='a', second=1, corners=CORNERS, labels=('walk',)):
    return KeyframeBox('f', video, second, corners, labels, person)


def test_by_hand(tmp_path):
    boxes = [_box(labels=('sit', 'walk')), _box(video='b, c', second=12)]
    path = tmp_path / 'train.csv'
    count = write_ava_csv(path, boxes, [0, 7], {'walk': 3, 'sit': 5}, overwrite=False)
    assert count == 3
    assert path.read_text(encoding='utf-8') == (
        'a,1,0.1,0.2,0.5,0.33333333,3,0\n'
        'a,1,0.1,0.2,0.5,0.33333333,5,0\n'
        '"b, c",12,0.1,0.2,0.5,0.33333333,3,7\n'
    )
    with pytest.raises(FileExistsError, match='train.csv: exists already; pass --overwrite'):
        write_ava_csv(path, boxes, [0, 7], {'walk': 3, 'sit': 5}, overwrite=False)


fractions = st.floats(0, 1, allow_subnormal=False)
corners = st.tuples(*[fractions] * 4).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(st.lists(corners, min_size=1, max_size=8))
def test_corners_come_back(tmp_path, boxes):
    rows = [_box(corners=each, second=i) for i, each in enumerate(boxes)]
    path = tmp_path / 'train.csv'
    write_ava_csv(path, rows, range(len(rows)), {'walk': 3}, overwrite=True)
    found = read_ava_csv(path)
    np.testing.assert_allclose(found.boxes_xyxy_norm, boxes, rtol=0, atol=5.1e-9)
    assert found.timestamps.tolist() == list(range(len(rows)))
    assert found.scores.tolist() == list(range(len(rows)))
    of_mmaction2, labels, _ = read_csv(io.StringIO(path.read_text(encoding='utf-8')))
    assert len(of_mmaction2) == len(rows)
    y1x1y2x2 = np.concatenate(list(of_mmaction2.values()))
    np.testing.assert_allclose(y1x1y2x2[:, [1, 0, 3, 2]], boxes, rtol=0, atol=5.1e-9)
    assert set(np.concatenate(list(labels.values()))) == {3}


def test_label_map_as_both_read_it(tmp_path):
    names = {1: 'sit', 4: "talk to (e.g., a person)'s", 11: 'größer'}
    write_label_map(tmp_path / 'map.pbtxt', names, overwrite=False)
    assert read_label_map(tmp_path / 'map.pbtxt') == names
    with open(tmp_path / 'map.pbtxt', encoding='utf-8') as file:
        classes, ids = read_labelmap(file)
    assert {each['id']: each['name'] for each in classes} == names
    assert ids == set(names)


@pytest.mark.parametrize('name', ['say "hello"', 'a\\b'])
def test_names_that_mmaction2_cannot_read(tmp_path, name):
    with pytest.raises(ValueError, match='class 2: the name .* holds a quotation mark or a back'):
        write_label_map(tmp_path / 'map.pbtxt', {2: name}, overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('persons', 'numbers', 'is_numbered'),
    [
        (['7', '7', '3'], [7, 7, 3], False),
        (['anna', 'ben', 'anna'], [0, 1, 0], True),
        (['7', 'ben', '7'], [0, 1, 0], True),
        (['7', '07', '7'], [0, 1, 0], True),  # two persons
        ([None, '7', None], [8, 7, 9], False),
        ([None, None, None], [0, 1, 2], False),
    ],
)
def test_persons_are_numbers(persons, numbers, is_numbered):
    assert number_persons([_box(person) for person in persons]) == (numbers, is_numbered)


def test_each_video_counts_its_persons():
    boxes = [_box('anna'), _box('ben', video='b'), _box('anna', video='b'), _box('3', video='c')]
    assert number_persons(boxes) == ([0, 0, 1, 3], True)
