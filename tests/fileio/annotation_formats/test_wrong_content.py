"""Whatever stands in a file of annotations: it is read, or refused with the name of the file."""

from __future__ import annotations

import json

import pytest
import via3
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmlt.fileio.annotation_formats import read_annotations
from mmlt.fileio.annotation_formats.annotated_box import ReadOptions

ATTRIBUTES = [
    via3.attribute('action', options=['walk', 'sit']),
    via3.attribute('pose', via3.RADIO, ['stand']),
    via3.attribute('person', via3.TEXT),
]
ENTRIES = [
    ('a.mp4', [3], [2, 1, 2, 3, 4], {'1': '0,1', '2': '0', '3': '7'}),
    ('b.jpg', [], [7, 1, 2, 3, 4, 9, 9], {'1': '1'}),
    ('a.mp4', [1, 4], [], {'1': '0'}),
]
PROJECT = via3.project(['a.mp4', 'b.jpg'], ENTRIES, ATTRIBUTES)
CSV = 'a,902,0.1,0.2,0.5,0.9,3,7\nb,903,0.1,0.2,0.5,0.9,4,8\n'
OPTIONS = ReadOptions(attributes=['action', 'pose'])

leaves = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=4)
values = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v))
anywhere = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)


def _places(value, path=()):
    """The path to each value in a tree of JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inside in items:
        if isinstance(inside, (dict, list)):
            yield from _places(inside, (*path, key))
        else:
            yield (*path, key)


PLACES = [path for path in _places(PROJECT) if path]


def _replaced(path, value):
    content = json.loads(json.dumps(PROJECT))
    inside = content
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return content


def _read(file):
    try:
        _, found = read_annotations(file, OPTIONS)
    except ValueError as error:
        assert str(file) in str(error)
        return None
    for box in found.boxes:
        x1, y1, x2, y2 = box.corners
        assert x1 <= x2 and y1 <= y2
        assert all(isinstance(label, str) and label for label in box.labels)
        assert box.person is None or isinstance(box.person, str)
    return found


@pytest.mark.parametrize('kind', ['json', 'csv'])
def test_as_it_is(tmp_path, kind):
    file = tmp_path / f'labels.{kind}'
    text = json.dumps(PROJECT) if kind == 'json' else via3.to_csv(PROJECT)
    file.write_text(text, encoding='utf-8')
    boxes = _read(file).boxes
    assert [box.labels for box in boxes] == [('walk', 'sit', 'stand'), ('sit',)]


@anywhere
@given(st.sampled_from(PLACES), values)
@example(('metadata', '1_00000000', 'z'), [10**400])
@example(('metadata', '1_00000000', 'xy'), [2, 1e308, 1, 1e308, 1])
@example(('metadata', '1_00000000', 'vid'), ['1'])
@example(('view', '1', 'fid_list'), [{}])
def test_another_value_in_a_project(tmp_path, path, value):
    file = tmp_path / 'labels.json'
    file.write_text(json.dumps(_replaced(path, value)), encoding='utf-8')
    _read(file)


@anywhere
@given(st.sampled_from([path for path in PLACES if path[0] in ('metadata', 'attribute')]), values)
@example(('metadata', '1_00000000', 'xy'), [2, 1e308, 1, 1e308, 1])
@example(('metadata', '1_00000000', 'z'), [10**400])
def test_another_value_in_an_export(tmp_path, path, value):
    content = _replaced(path, value)
    changed = {'z': [], 'xy': [], 'av': {}, 'vid': '1', 'flg': 0}
    for key, entry in content['metadata'].items() if isinstance(content['metadata'], dict) else ():
        entry = entry if isinstance(entry, dict) else {}
        content['metadata'][key] = {**changed, **entry, 'vid': '1'}
    if isinstance(content['metadata'], dict):
        (tmp_path / 'labels.csv').write_text(via3.to_csv(content), encoding='utf-8')
        _read(tmp_path / 'labels.csv')


@anywhere
@given(st.integers(0, len(CSV) - 1), st.text(max_size=3), st.integers(0, 5))
def test_another_text_in_avas_csv(tmp_path, start, text, length):
    file = tmp_path / 'labels.csv'
    content = CSV[:start] + text + CSV[start + length :]
    file.write_bytes(content.encode('utf-8', 'surrogatepass'))
    _read(file)
