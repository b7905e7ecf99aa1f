"""Which format a file is of, and which files a folder has."""

from __future__ import annotations

import json

import pytest
import via3

from mmlt.fileio.annotation_formats import (
    FORMATS,
    annotation_files,
    find_format,
    read_annotations,
)

ACTION = via3.attribute('action', options=['walk', 'sit'])
PROJECT = via3.project(['a.mp4'], [('a.mp4', [3], [2, 1, 2, 3, 4], {'1': '0'})], [ACTION])
CONTENT = {
    'VIA 3 project': json.dumps(PROJECT),
    'VIA 3 CSV': via3.to_csv(PROJECT),
    'AVA CSV': 'a,3,0.1,0.1,0.2,0.2,1\n',
}


def test_every_format_is_tried_here():
    assert list(FORMATS) == list(CONTENT)


@pytest.mark.parametrize('name', FORMATS)
@pytest.mark.parametrize('mark', ['', '\ufeff'], ids=['plain', 'byte-order mark'])
@pytest.mark.parametrize('end', ['\n', '\r\n'], ids=['LF', 'CRLF'])
def test_recognised_and_read(tmp_path, name, mark, end):
    suffix = '.json' if name.endswith('project') else '.csv'
    file = tmp_path / f'boxes{suffix}'
    file.write_bytes((mark + CONTENT[name].replace('\n', end)).encode())
    found, content = read_annotations(file)
    assert found == name
    assert len(content.boxes) == 1
    assert content.boxes[0].labels == (('1',) if name == 'AVA CSV' else ('walk',))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', 'boxes.csv: none of the formats .*: it is empty'),
        (' \r\n\n', 'it is empty'),
        ('{"_via_img_metadata": {}}', 'a project of VIA 2'),
        ('a,b,c\n', r'none of the formats that can be read \(VIA 3 project, VIA 3 CSV, AVA CSV\)'),
        ('{"images": [], "annotations": []}', 'none of the formats'),
    ],
)
def test_unknown(tmp_path, content, message):
    (tmp_path / 'boxes.csv').write_text(content, encoding='utf-8')
    with pytest.raises(ValueError, match=message):
        find_format(tmp_path / 'boxes.csv')


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='boxes.csv: no such file'):
        find_format(tmp_path / 'boxes.csv')


def test_files_of_folders(tmp_path):
    for name in ('b.json', 'a.CSV', 'notes.txt'):
        (tmp_path / name).touch()
    assert annotation_files([tmp_path]) == [tmp_path / 'a.CSV', tmp_path / 'b.json']
    assert annotation_files([tmp_path / 'notes.txt']) == [tmp_path / 'notes.txt']
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='empty: a folder without a .csv or .json file'):
        annotation_files([tmp_path / 'empty'])
