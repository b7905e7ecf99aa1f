from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmlt.fileio.label_map import (
    read_label_map,
    read_label_types,
    select_classes,
    unknown_label_warning,
    unmatched_exclusions_warning,
)
from mmlt.functional import AVABoxes, read_ava_csv

WORLD = Path(__file__).parents[1] / 'data' / 'hand_world'

ITEMS = """item {
  name: "bend/bow (at the waist)"
  id: 1
}
item {
  name: "it's"
  id: 12
}
"""


@pytest.mark.parametrize(
    'text',
    [
        ITEMS,
        ITEMS.replace('  ', '\t\t '),
        ITEMS.replace('"bend/bow (at the waist)"', "'bend/bow (at the waist)'"),
        ITEMS.replace('item', 'label').replace('id:', 'label_id:'),
        'label {name: "bend/bow (at the waist)" label_id: 1 label_type: PERSON_MOVEMENT}\n'
        'label {\n label_id:12\n  label_type: OBJECT_MANIPULATION\n name : "it\\\'s" }',
        '# a comment { id: 7 }\nitem { id: 12, name: "it\'s" }\n'
        'item { id: 1; name: "bend/bow (at the waist)"; }',
    ],
)
def test_label_map_of_either_layout_and_any_indentation(tmp_path, text):
    path = tmp_path / 'map.pbtxt'
    path.write_text(text)
    label_map = read_label_map(path)
    assert label_map == {1: 'bend/bow (at the waist)', 12: "it's"}
    assert list(label_map) == [1, 12]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', r'map\.pbtxt: an empty label map'),
        ('\n\n', r'map\.pbtxt: an empty label map'),
        (ITEMS + 'item {\n name: "x"\n id: 12\n}', r'map\.pbtxt, line 12: id 12 repeated'),
        (ITEMS + 'item {\n name: "it\'s"\n id: 3\n}', r'line 12: name "it\'s" repeated'),
        (ITEMS.replace('  id: 1\n', ''), r'line 3: the item that ends here has no id'),
        (ITEMS.replace('id: 12', 'id: twelve'), r"line 8: id .*: 'twelve', not an integer >= 1"),
        (ITEMS.replace('id: 12', 'id: 1.5'), r"line 8: id .*: '1\.5', not an integer >= 1"),
        (ITEMS.replace('id: 12', 'id: 0'), r"line 8: id .*: '0', not an integer >= 1"),
        (ITEMS.replace('id: 12', 'id: -3'), r"line 8: id .*: '-3', not an integer >= 1"),
        (ITEMS.replace('  name: "it\'s"\n', ''), r'line 7: .*\(id 12\) has no quoted name'),
        (ITEMS.replace('"it\'s"', 'its'), r'line 8: .*\(id 12\) has no quoted name'),
        (ITEMS.replace('"it\'s"', '""'), r'line 8: .*\(id 12\) has no quoted name'),
        (ITEMS.replace('"it\'s"', '"its'), r'line 6: not part of a label map: .*"its'),
        (ITEMS.replace('id: 12', 'id: 12\n id: 13'), r"line 8: field 'id' repeated in one item"),
        (ITEMS[:-2], r'line 5: the item that starts here is not closed'),
        (ITEMS.replace('}\nitem', 'item'), r'line 4: an item starts inside another one'),
        (ITEMS + '}', r"line 9: '}' without an item"),
        ('name: "x"', r"line 1: field 'name' outside of an item"),
        ('v,1,0,0,1,1,3', r"line 1: not part of a label map: 'v,1,0,0,1,1,3'"),
    ],
)
def test_label_map_errors_name_file_line_and_value(tmp_path, text, message):
    path = tmp_path / 'map.pbtxt'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_label_map(path)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (ITEMS.replace('12', '\uff11\uff12'), r'line 7: not part of a label map'),
        (ITEMS.replace('12', '0x12'), r"line 8: id .*: '0x12', not an integer >= 1"),
        (ITEMS.replace('12', '1' * 30), r"line 8: id .*: '1+', not an integer >= 1 of at most 6"),
        (ITEMS.replace('12', '1' * 5000), r'line 8: id .*, not an integer >= 1 of at most 6'),
        (ITEMS.replace('id: 12', 'id: 12 label_id: 13'), 'line 8: the item that ends here has two'),
        (ITEMS.replace("it's", r'caf\303\251'), "line 8: '2' behind a backslash in the name"),
        (ITEMS.replace("it's", 'it\0s'), r"line 8: name 'it\\x00s': .*control character"),
        (ITEMS.replace('\n', '\r').replace('12', 'x'), "line 8: id .*: 'x', not an integer"),
        ('# a comment ends with its line\r' + ITEMS.replace('12', '1'), 'line 9: id 1 repeated'),
    ],
)
def test_what_another_reader_would_take_for_something_else(tmp_path, text, message):
    path = tmp_path / 'map.pbtxt'
    path.write_bytes(text.encode())
    with pytest.raises(ValueError, match=r'map\.pbtxt, ' + message):
        read_label_map(path)


def test_a_label_map_with_a_byte_order_mark_or_another_encoding(tmp_path):
    path = tmp_path / 'map.pbtxt'
    path.write_text(ITEMS, encoding='utf-8-sig')
    assert read_label_map(path) == {1: 'bend/bow (at the waist)', 12: "it's"}
    path.write_bytes(ITEMS.replace("it's", 'rêve').encode('latin-1'))
    with pytest.raises(ValueError, match=r"map\.pbtxt, line 6: byte b'\\xea' is not UTF-8 text"):
        read_label_map(path)


def test_exclusions_without_a_common_video_are_told_in_one_sentence():
    truth = read_ava_csv(WORLD / 'ground_truth.csv')
    for excluded in (None, frozenset(), {('v', 1), ('x', 1)}, {('v', 1751)}):
        assert unmatched_exclusions_warning(truth, excluded, 'e.csv') is None
    assert unmatched_exclusions_warning(truth, {('x', 1), ('x', 2), ('y', 1)}, 'e.csv') == (
        'e.csv: excludes nothing; none of its 2 videos is annotated'
    )


def test_unknown_labels_are_counted_in_one_sentence():
    truth = read_ava_csv(WORLD / 'ground_truth.csv')
    assert unknown_label_warning(truth, {1: 'a', 2: 'b', 7: 'c', 9: 'd'}, 'gt.csv') is None
    assert unknown_label_warning(truth, {1: 'a'}, 'gt.csv') == (
        'gt.csv: 3 of 6 rows carry a class id outside the label map and are skipped (ids 2, 7)'
    )


def test_a_long_list_of_unknown_labels_is_cut():
    rows = 12
    boxes = AVABoxes(
        video_index=np.zeros(rows, np.int32),
        video_names=('v',),
        timestamps=np.ones(rows, np.int32),
        boxes_xyxy_norm=np.tile([0.0, 0.0, 1.0, 1.0], (rows, 1)),
        labels=np.arange(rows, dtype=np.int32) + 1,
        scores=np.ones(rows),
    )
    assert '(ids 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)' in unknown_label_warning(boxes, {1: ''}, '')


@pytest.mark.parametrize(
    ('custom_classes', 'message'),
    [
        ([1, 3], 'custom_classes: class 3 is not in map.pbtxt'),
        ([4, 4], 'custom_classes: empty, or a class repeated: [4, 4]'),
        ([], 'custom_classes: empty, or a class repeated: []'),
    ],
)
def test_custom_classes_are_selected_or_refused(custom_classes, message):
    label_map = {1: 'sit', 2: 'fly', 4: 'run'}
    selected = select_classes(label_map, (4, 1), 'map.pbtxt')
    assert list(selected.items()) == [(1, 'sit'), (4, 'run')]
    with pytest.raises(ValueError) as error:
        select_classes(label_map, custom_classes, 'map.pbtxt')
    assert str(error.value) == message


def test_label_types(tmp_path):
    path = tmp_path / 'map.pbtxt'
    path.write_text(
        'label {name: "talk" label_id: 79 label_type: PERSON_INTERACTION}\n'
        'label {name: "sit" label_id: 11 label_type: PERSON_MOVEMENT}\n'
        'label {name: "ride" label_id: 49 label_type: OBJECT_MANIPULATION}\n'
    )
    types = read_label_types(path)
    assert types == {
        11: 'PERSON_MOVEMENT',
        49: 'OBJECT_MANIPULATION',
        79: 'PERSON_INTERACTION',
    }
    assert list(types) == [11, 49, 79]


def test_a_label_map_without_types_is_told(tmp_path):
    path = tmp_path / 'map.pbtxt'
    path.write_text(ITEMS)
    with pytest.raises(ValueError, match=r'map\.pbtxt: class 1 \(bend/bow .*\) has no label_type'):
        read_label_types(path)
