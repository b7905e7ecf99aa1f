"""AVA's CSV with 7 or 8 columns, in fractions or pixels."""

from __future__ import annotations

import re

import pytest

from mmlt.fileio.annotation_formats import ava_annotations
from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox, ReadOptions

FRACTION = 'a,902,0.1,0.2,0.5,0.9,3,7'
PIXEL = 'a,902,10,20,50,90.5,3,7'


def _read(tmp_path, *rows, **options):
    file = tmp_path / 'boxes.csv'
    file.write_text(''.join(f'{row}\n' for row in rows), encoding='utf-8')
    assert ava_annotations.recognises(file)
    return ava_annotations.read(file, ReadOptions(**options))


def test_by_hand(tmp_path):
    found = _read(tmp_path, FRACTION, class_names={3: 'sit'})
    assert found.boxes == [
        AnnotatedBox(
            where=f'{tmp_path / "boxes.csv"}, line 1',
            media='a',
            time_sec=None,
            timestamp=902,
            corners=(0.1, 0.2, 0.5, 0.9),
            unit='fractions',
            labels=('sit',),
            person='7',
        )
    ]


def test_without_person_and_label_map(tmp_path):
    found = _read(tmp_path, FRACTION.rpartition(',')[0])
    assert (found.boxes[0].labels, found.boxes[0].person) == (('3',), None)


@pytest.mark.parametrize(
    ('rows', 'unit', 'remark'),
    [
        ([FRACTION], 'fractions', 'none is over 1'),
        (['a,1,0,0,1,1.001,3'], 'fractions', r'none is over 1 \(line 1: 0,0,1,1.001\)'),
        ([PIXEL], 'pixels', r'all are over 1 \(as line 1: 10,20,50,90.5\)'),
        ([PIXEL, 'a,902,0,0,1,1.6,3,8'], 'pixels', 'all are over 1'),
    ],
)
def test_unit_is_recognised_and_said(tmp_path, rows, unit, remark):
    found = _read(tmp_path, *rows)
    assert {box.unit for box in found.boxes} == {unit}
    (said,) = found.remarks
    assert f'boxes in {unit}' in said and re.search(remark, said)


@pytest.mark.parametrize(
    'rows',
    [[PIXEL, FRACTION], [FRACTION, PIXEL], ['a,1,0,0,1,1.3,3'], [PIXEL, 'a,1,0,0,1,1.4,3,1']],
    ids=['mixed', 'mixed the other way', 'between', 'pixels and between'],
)
def test_open_unit_is_asked_for(tmp_path, rows):
    with pytest.raises(ValueError, match='are the boxes pixels or fractions.*--box-unit'):
        _read(tmp_path, *rows)
    found = _read(tmp_path, *rows, box_unit='pixels')
    assert {box.unit for box in found.boxes} == {'pixels'}
    assert 'as --box-unit says' in found.remarks[0]


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('a,902,0.1,0.2,0.5,0.9,0,7', 'line 2: class id 0; ids start at 1.*add 1'),
        ('a,902,0.1,0.2,0.5,0.9,4,7', 'line 2: class id 4 is not in the label map'),
        ('a,902,0.6,0.2,0.5,0.9,3,7', 'line 2: x1 is .0.6.: it must not exceed x2, 0.5'),
        ('a,902,0.1,0.95,0.5,0.9,3,7', 'line 2: y1 is .0.95.: it must not exceed y2'),
        ('a,902.5,0.1,0.2,0.5,0.9,3,7', 'line 2: timestamp is .902.5.: it must be a whole number'),
        ('a,902,0.1,0.2,0.5,0.9,3,0.83', 'line 2: person id 0.83 .*these are detections'),
        ('a,902,0.1,0.2,0.5,0.9,3', 'line 2 has 7 columns where 8'),
        ('a,902,nan,0.2,0.5,0.9,3,7', 'line 2: x1 is .nan.: it must be finite'),
        (',902,0.1,0.2,0.5,0.9,3,7', 'line 2: video_id is ..: it must not be empty'),
    ],
)
def test_wrong_rows(tmp_path, row, message):
    with pytest.raises(ValueError, match=f'boxes.csv.{{0,2}}{message}'):
        _read(tmp_path, FRACTION, row, class_names={3: 'sit'})


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('video;second;x1;y1;x2;y2;class', 'line 1 is separated by semicolons'),
        ('a;902;0,1;0,2;0,5;0,9;3;7', 'line 1 is separated by semicolons.*a point in its numbers'),
        ('a\t902\t0.1\t0.2\t0.5\t0.9\t3\t7', 'line 1 is separated by tabs'),
        ('video_id,timestamp,x1,y1,x2,y2,label', 'line 1: timestamp is .*is line 1 a header'),
    ],
)
def test_separators_and_headers(tmp_path, row, message):
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, row)


def test_other_files_are_not_taken_for_it(tmp_path):
    file = tmp_path / 'boxes.csv'
    for content in (b'a,b,c\n', b'', b'{"a": 1}', b'\xff\xfe\x00,1', b'"a,b\n'):
        file.write_bytes(content)
        assert not ava_annotations.recognises(file)
