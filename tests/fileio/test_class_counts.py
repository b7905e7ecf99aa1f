from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmlt.fileio.class_counts import count_training_boxes, read_class_counts, write_class_counts
from mmlt.functional import split_head_medium_tail

WORLD = Path(__file__).parents[1] / 'data' / 'hand_world'
LABEL_MAP = {1: 'stand', 2: 'sit', 5: 'wave (a hand)', 7: 'lie/sleep'}


def _write(tmp_path, content) -> Path:
    path = tmp_path / 'file.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def _counts(*rows) -> dict:
    return {'classes': [dict(zip(('id', 'name', 'count'), row)) for row in rows]}


def test_count_training_boxes_by_hand():
    counts = count_training_boxes(WORLD / 'train.csv', LABEL_MAP)
    assert counts.counts == {1: 3, 2: 1, 5: 0, 7: 1}
    assert counts.names == LABEL_MAP
    assert (counts.source, counts.unit) == ('label rows of train.csv', 'boxes')
    left = count_training_boxes(WORLD / 'train.csv', LABEL_MAP, excluded=[('t', 2), ('u', 8)])
    assert left.counts == {1: 1, 2: 1, 5: 0, 7: 1}


def test_training_annotations_outside_the_label_map_are_an_error():
    with pytest.raises(ValueError, match=r'train\.csv, line 2: class id 2 is not in the label map'):
        count_training_boxes(WORLD / 'train.csv', {1: 'stand', 7: 'lie/sleep'})


def test_counts_file_round_trip(tmp_path):
    counts = count_training_boxes(WORLD / 'train.csv', LABEL_MAP)
    path = tmp_path / 'counts.json'
    write_class_counts(path, counts)
    assert read_class_counts(path) == counts
    assert read_class_counts(path, {7: 'lie/sleep'}).counts == {7: 1}  # the file may hold more
    with pytest.raises(FileExistsError, match='counts.json'):
        write_class_counts(path, counts)
    assert json.loads(path.read_text())['classes'][3] == {'id': 7, 'name': 'lie/sleep', 'count': 1}


def test_a_byte_order_mark_changes_nothing(tmp_path):
    path = _write(tmp_path, _counts((1, 'a', 4)))
    path.write_text(path.read_text(), encoding='utf-8-sig')
    assert read_class_counts(path).counts == {1: 4}
    path.write_bytes(b'{"source": "\xff"}')
    with pytest.raises(ValueError, match=r"file\.json, line 1: byte b'\\xff' is not UTF-8 text"):
        read_class_counts(path)


def test_source_is_the_file_name_where_none_is_given(tmp_path):
    assert read_class_counts(_write(tmp_path, _counts((1, 'a', 4)))).source == 'file.json'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"classes":\n [}', r'file\.json, line 2: not JSON'),
        ([], r'file\.json: not a JSON object but list'),
        ({'counts': []}, r'field classes is not a list: None'),
        ({'classes': [3]}, r'classes\[0\] is not an object: 3'),
        (
            _counts((1, 'stand', 3), ('2', 'sit', 3)),
            r"classes\[1\]\.id: '2' is not an integer >= 1",
        ),
        (_counts((0, 'stand', 3)), r'classes\[0\]\.id: 0 is not an integer >= 1'),
        (_counts((1, None, 3)), r'classes\[0\]\.name: None is not a string'),
        (_counts((1, 'stand', -1)), r'classes\[0\]\.count: -1 is not an integer >= 0'),
        (_counts((1, 'stand', 2.5)), r'classes\[0\]\.count: 2\.5 is not an integer >= 0'),
        (_counts((1, 'stand', 10**30)), r'line 1: 10+ is more than 64 bits hold'),
        (
            _counts((1, 'stand', 2**53 + 1)),
            r'classes\[0\]\.count: 9007199254740993 is not an integer',
        ),
        (_counts((10**6, 'stand', 1)), r'classes\[0\]\.id: 1000000 is not an integer'),
        ({'classes': [], 'unit': 3}, r'field unit is not a string: 3'),
        ({'classes': [], 'source': ['x']}, r"field source is not a string: \['x'\]"),
        ('{"classes": [], "classes": []}', r'line 1: "classes" stands twice'),
        (_counts((1, 'stand', True)), r'classes\[0\]\.count: True is not an integer >= 0'),
        (_counts((1, 'stand', 3), (1, 'sit', 3)), r'classes\[1\]\.id: class 1 repeated'),
        (
            _counts((1, 'stand', 3), (2, 'sit', 3)),
            r'no count for class 5 \(wave .*, 7 \(lie/sleep\); to count your own: python ',
        ),
        (
            _counts((1, 'stand', 3), (2, 'seat', 3), (5, 'wave (a hand)', 1), (7, 'lie/sleep', 1)),
            r"class 2 is called 'seat' here and 'sit' in the label map",
        ),
    ],
)
def test_counts_file_errors(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_class_counts(_write(tmp_path, content), LABEL_MAP)


def test_builtin_ava_counts_are_table_9_of_arnab_et_al():
    counts = read_class_counts('ava_v2.2')
    assert 'Arnab et al. 2022, Table 9' in counts.source
    assert (len(counts.counts), sum(counts.counts.values())) == (60, 861254)
    by_name = {counts.names[class_id]: count for class_id, count in counts.counts.items()}
    # First and last of each of the table's three blocks, and one whose name holds a comma.
    assert by_name['watch (a person)'] == 168148
    assert by_name['touch (an object)'] == 17133
    assert by_name['bend/bow (at the waist)'] == 8349
    assert by_name['give/serve (an object) to (a person)'] == 1073
    assert by_name['close (e.g., a door, a box)'] == 786
    assert by_name['point to (an object)'] == 97
    assert (counts.names[12], counts.names[80]) == ('stand', 'watch (a person)')


def test_builtin_ava_counts_split_as_the_paper_does():
    counts = np.array(list(read_class_counts('ava_v2.2').counts.values()))
    groups = split_head_medium_tail(counts, head_min=10_000, tail_max=999)
    assert [len(group) for group in groups] == [8, 23, 29]


def test_classifiers_number_their_classes_from_zero(tmp_path):
    path = _write(tmp_path, _counts((0, 'walk', 3)))
    assert read_class_counts(path, {0: 'walk'}, min_id=0).counts == {0: 3}
