from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import read_ava_csv, read_ava_kinetics_csv
from mmlt.functional.detection.ava_csv import line_of_row


def _write(tmp_path, text):
    path = tmp_path / 'train.csv'
    path.write_text(text, encoding='utf-8')
    return path


def test_rows_of_both_datasets_in_one_file(tmp_path):
    text = (
        'nobody_000010_000020,15.000000\n'
        'clip_000001_000011,5.966667,0.1,0.2,0.5,0.9,12\n'
        '\n'
        'nobody_000010_000020,16,,,,,\n'
        'film,0902,0,0,1,1,80,3\n'
        'clip_000001_000011,6.0,0.1,0.2,0.5,0.9,17,\n'
    )
    path = _write(tmp_path, text)
    boxes = read_ava_kinetics_csv(path)
    assert boxes.video_names.tolist() == ['clip_000001_000011', 'film']
    assert boxes.video_index.tolist() == [0, 1, 0]
    assert boxes.timestamps.tolist() == [5, 902, 6]
    assert boxes.boxes_xyxy_norm.tolist() == [[0.1, 0.2, 0.5, 0.9], [0, 0, 1, 1]] + [
        [0.1, 0.2, 0.5, 0.9]
    ]
    assert boxes.labels.tolist() == [12, 80, 17]
    assert boxes.scores.tolist() == [-1, 3, -1]
    assert [line_of_row(path, row) for row in range(3)] == [2, 5, 6]


@pytest.mark.parametrize('person', ['', ',4'], ids=['7 columns', '8 columns'])
def test_a_plain_file_is_read_as_ava(tmp_path, person):
    path = _write(tmp_path, ''.join(f'v{i // 3},{i},0,0,0.5,1,{i}{person}\n' for i in range(1, 9)))
    boxes, expected = read_ava_kinetics_csv(path), read_ava_csv(path)
    for name, column, of_ava in zip(boxes._fields, boxes, expected):
        if name != 'scores':
            np.testing.assert_array_equal(column, of_ava)
    assert boxes.scores.tolist() == [4 if person else -1] * 8


@pytest.mark.parametrize(
    'row, message',
    [
        ('v,5,0.1,0.2,0.5,0.9', 'line 2 has 6 columns where 2, 7 or 8 columns are due'),
        ('v', 'line 2 has 1 columns where 2, 7 or 8'),
        ('v,five', "line 2: timestamp is 'five': it must be a number"),
        ('v,1e12', "line 2: timestamp is '1e12': it must be a number of at most 32 bits"),
        (',5', "line 2: video_id is '': it must not be empty"),
        ('v,5.5,0.5,0.2,0.1,0.9,3', "line 2: x1 is '0.5': it must not exceed x2, 0.1"),
        ('v,5,0.1,0.2,0.5,,3', "line 2: y2 is '': it must be a number"),
        ('v,5,0.1,0.2,0.5,0.9,', "line 2: label is '': it must be a number"),
        ('v,5,0.1,0.2,0.5,0.9,1.0', "line 2: label is '1.0': it must be written as a whole"),
    ],
)
def test_errors_name_file_line_field_and_value(tmp_path, row, message):
    path = _write(tmp_path, f'v,4.5,0,0,1,1,3\n{row}\n')
    with pytest.raises(ValueError) as error:
        read_ava_kinetics_csv(path)
    assert str(error.value).startswith(f'{path}: {message}')


@pytest.mark.parametrize('text', ['', 'v,5\nw,6\n'])
def test_no_box_at_all(tmp_path, text):
    with pytest.raises(ValueError, match=r'train\.csv: no row with a box'):
        read_ava_kinetics_csv(_write(tmp_path, text))


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'train\.csv: no such file'):
        read_ava_kinetics_csv(tmp_path / 'train.csv')
