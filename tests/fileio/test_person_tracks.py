from __future__ import annotations

import numpy as np
import pytest

from mmlt.fileio.person_tracks import (
    DetectorRecord,
    VideoPersons,
    read_detector_record,
    read_persons_csv,
    write_detector_record,
    write_persons_csv,
)

HEADER = 'video_id,timestamp,x1,y1,x2,y2,score,person_id'
PERSONS = {
    'a "1", b': VideoPersons(
        np.array([3, 3, 904]),
        np.array([[0, 0, 1, 1], [0.1, 0.2, 0.3, 1 / 3], [0.5, 0.5, 0.5, 0.5]]),
        np.array([0.9, 1e-7, 0.25]),
        np.array([1, 0, 1]),
    ),
    'c': VideoPersons(np.array([0]), np.array([[0, 0, 0.5, 1]]), np.array([1.0]), np.array([12])),
}


def test_the_file_and_back(tmp_path):
    path = tmp_path / 'persons.csv'
    write_persons_csv(path, PERSONS)
    lines = path.read_bytes().decode().split('\n')
    assert lines[0] == HEADER and lines[-1] == ''
    assert lines[1] == '"a ""1"", b",0003,0.0,0.0,1.0,1.0,0.9,1'
    assert lines[4] == 'c,0000,0.0,0.0,0.5,1.0,1.0,12'
    found = read_persons_csv(path)
    assert list(found) == list(PERSONS)
    for video_id, columns in PERSONS.items():
        for one, other in zip(found[video_id], columns):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == (np.int64 if other.dtype.kind == 'i' else np.float64)
    write_persons_csv(path, {})
    assert read_persons_csv(path) == {}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'line 1: the header video_id,timestamp,.* is missing'),
        ('a,3,0,0,1,1,.5,0\n', 'line 1: the header .* is missing'),
        (f'{HEADER}\na,3,0,0,1,1,.5\n', 'line 2: 7 fields, not 8'),
        (f'{HEADER}\n\na,3.5,0,0,1,1,.5,0\n', "line 3: timestamp '3.5': it must be a whole"),
        (f'{HEADER}\na,3,0,0,x,1,.5,0\n', "line 2: x2 'x': it must be a number"),
        (f'{HEADER}\na,3,0,0,200,1,.5,0\n', 'line 2: box 0,0,200,1: not in fractions'),
        (f'{HEADER}\na,3,.5,0,.4,1,.5,0\n', r'line 2: box .5,0,.4,1: not in fractions'),
        (f'{HEADER}\n,3,0,0,1,1,.5,0\n', "line 2: video_id '': it must not be empty"),
    ],
)
def test_errors_name_file_line_and_value(tmp_path, text, message):
    (tmp_path / 'persons.csv').write_text(text)
    with pytest.raises(ValueError, match=f'persons.csv, {message}'):
        read_persons_csv(tmp_path / 'persons.csv')


def test_the_record_of_the_detector(tmp_path):
    assert read_detector_record(tmp_path) is None
    record = DetectorRecord('hog', 0.5, 0.7)
    write_detector_record(tmp_path, record)
    assert read_detector_record(tmp_path) == record
    (tmp_path / 'prepare.parts' / 'persons.json').write_text(
        '{"detector": "hog", "score_thr": "x"}'
    )
    with pytest.raises(ValueError, match=r"persons.json: key 'score_thr' must be number, got 'x'"):
        read_detector_record(tmp_path)
