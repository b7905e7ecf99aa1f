from __future__ import annotations

import json

import pytest

from mmlt.fileio.class_split import ClassSplit, read_split, write_split

CLASSES = (1, 2, 5, 7)


@pytest.fixture
def write(tmp_path):
    def _write(content):
        path = tmp_path / 'file.json'
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return _write


def test_split_file(write):
    content = {'source': 'by hand', 'head': [7, 1], 'medium': [], 'tail': [2, 5]}
    split = read_split(write(content), CLASSES)
    assert split.source == 'by hand'
    assert split.groups == {'head': (7, 1), 'medium': (), 'tail': (2, 5)}


def test_a_split_comes_back(tmp_path):
    split = ClassSplit('déjà vu', {'head': (7, 1), 'tail': (2, 5)})
    write_split(tmp_path / 'split.json', split)
    assert read_split(tmp_path / 'split.json', CLASSES) == split
    with pytest.raises(FileExistsError, match='split.json'):
        write_split(tmp_path / 'split.json', split)


def test_classifiers_number_their_classes_from_zero(write):
    path = write({'head': [0], 'tail': []})
    assert read_split(path, [0], min_id=0).groups == {'head': (0,), 'tail': ()}
    with pytest.raises(ValueError, match=r'head\[0\]: 0 is not an integer >= 1'):
        read_split(path, [0])


def test_split_file_of_two_groups(write):
    split = read_split(write({'head': [1], 'tail': [2, 5, 7]}), CLASSES)
    assert split.source == 'file.json'
    assert split.groups == {'head': (1,), 'tail': (2, 5, 7)}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', r'file\.json, line 1: not JSON'),
        ({'head': [1, 2]}, r'field tail is not a list of class ids: None'),
        ({'head': [1, 2], 'tail': {'5': 7}}, r'field tail is not a list'),
        ({'head': [1, 2], 'tail': [5, '7']}, r"tail\[1\]: '7' is not an integer"),
        ({'head': [1, 2], 'tail': [5, 8]}, r'file\.json: tail\[1\]: unknown class 8'),
        ({'head': [1, 2], 'tail': [5, 2]}, r'tail\[1\]: class 2 repeated, first in head'),
        ({'head': [1, 1], 'tail': [5, 2]}, r'head\[1\]: class 1 repeated, first in head'),
        ({'head': [1], 'tail': [5]}, r'file\.json: class 2, 7 left out'),
    ],
)
def test_split_file_errors(write, content, message):
    with pytest.raises(ValueError, match=message):
        read_split(write(content), CLASSES)
