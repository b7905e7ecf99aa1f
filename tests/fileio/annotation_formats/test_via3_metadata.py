"""Entries of VIA's metadata: shapes, times, and what is left out."""

from __future__ import annotations

import pytest
import via3
from hypothesis import given
from hypothesis import strategies as st

from mmlt.fileio.annotation_formats.annotated_box import ReadOptions
from mmlt.fileio.annotation_formats.via3_metadata import Entry, read_entries

ATTRIBUTES = {'1': via3.attribute('action', options=['walk', 'sit'])}


def _read(*entries, **options):
    named = [Entry(f'f: {i}', 'a.mp4', *entry) for i, entry in enumerate(entries)]
    return read_entries('f', ATTRIBUTES, named, ReadOptions(**options))


def _corners(shape):
    return _read(([1], shape, {'1': '0'})).boxes[0].corners


@pytest.mark.parametrize(
    ('shape', 'corners'),
    [
        ([2, 10, 20, 30, 40], (10, 20, 40, 60)),
        ([2, 40, 60, -30, -40], (10, 20, 40, 60)),  # a side dragged over the opposite one
        ([8, 10, 30, 25, 20, 40, 33, 20, 60], (10, 20, 40, 60)),  # left, top, right, bottom
        ([7, 10, 20, 40, 25, 30, 60], (10, 20, 40, 60)),
    ],
    ids=['rectangle', 'turned over', 'extreme points', 'polygon'],
)
def test_shapes(shape, corners):
    assert _corners(shape) == corners


@given(*[st.floats(0, 4000, allow_subnormal=False)] * 4)
def test_corners_are_in_order_and_where_they_were(x, y, width, height):
    x1, y1, x2, y2 = _corners([2, x, y, width, height])
    assert (x1, y1) == (x, y)
    assert x2 - x1 == pytest.approx(width, abs=1e-9)
    assert y2 - y1 == pytest.approx(height, abs=1e-9)


@pytest.mark.parametrize(
    ('kind', 'name'),
    [(1, 'point'), (3, 'circle'), (4, 'ellipse'), (5, 'line'), (6, 'polyline')],
)
def test_other_shapes_are_refused_by_name(kind, name):
    with pytest.raises(ValueError, match=f'f: 0: a {name}, not a rectangle: draw the box'):
        _corners([kind, 1, 2, 3])


@pytest.mark.parametrize(
    ('entry', 'message'),
    [
        (([1], [2, 1, 2, 3], {}), r"f: 0: key 'xy' must be \[2, x, y, width, height\]"),
        (([1], [12, 1, 2, 3, 4], {}), "key 'xy' must be"),
        (([1], [7, 1, 2, 3], {}), "key 'xy' must be"),
        (([1], [2, 1, 2, 3, None], {}), "key 'xy' must be a list of numbers"),
        (([1], [2, 1, 2, float('nan'), 4], {}), "key 'xy' must be a list of numbers"),
        ((3.5, [2, 1, 2, 3, 4], {}), "key 'z' must be a list of numbers, got 3.5"),
        (([True], [2, 1, 2, 3, 4], {}), "key 'z' must be a list of numbers"),
        (([1, 4], [2, 1, 2, 3, 4], {}), 'a box over a temporal segment'),
        (([1], [2, 1, 2, 3, 4], 'walk'), "key 'av' must be an object"),
    ],
)
def test_errors(entry, message):
    with pytest.raises(ValueError, match=message):
        _read(entry)


def test_segments_are_left_out_and_told():
    box = ([1], [2, 1, 2, 3, 4], {'1': '0'})
    found = _read(([1, 4], [], {'1': '0'}), box, ([], [], {}))
    assert len(found.boxes) == 1
    assert any(
        '2 pieces of metadata without a box' in each and 'f: 0; f: 2' in each
        for each in found.remarks
    )


def test_polygons_are_told():
    found = _read(([1], [7, 1, 2, 3, 4, 5, 6], {'1': '0'}))
    assert any(
        '1 polygon, of which the box around is taken: f: 0' in each for each in found.remarks
    )


def test_pixels_are_said_and_nothing_else_is_taken():
    box = ([1], [2, 1, 2, 3, 4], {'1': '0'})
    assert any('boxes in pixels of the file' in each for each in _read(box).remarks)
    assert _read(box, box_unit='pixels').boxes[0].unit == 'pixels'
    with pytest.raises(ValueError, match='f: the boxes of VIA are in pixels, not in fractions'):
        _read(box, box_unit='fractions')


def test_attribute_values_in_a_list_of_one():
    """As a converter of proposals to VIA writes them."""
    assert _read(([1], [2, 1, 2, 3, 4], [{'1': '0'}])).boxes[0].labels == ('walk',)
