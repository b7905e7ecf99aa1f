from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmlt.fileio.videolt_lists import (
    LabelledVideo,
    count_training_videos,
    read_videolt_counts,
    read_videolt_list,
)
from mmlt.functional import split_head_medium_tail

DATA = Path(__file__).parents[1] / 'data'
NAMES = {0: 'bee', 1: 'bat', 2: "cat'sCradle"}
COUNTS = "bee 0 269.0\nbat 1 2\ncat'sCradle 2 0\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name='train.lst'):
        path = tmp_path / name
        path.write_text(text, encoding='utf-8')
        return path

    return write


def test_a_list_by_hand(write):
    path = write('-6QuS_vfVPQ 2,0\r\n\n8399989318\t1 \n')
    assert read_videolt_list(path, NAMES) == [
        LabelledVideo('-6QuS_vfVPQ', [2, 0], 1),
        LabelledVideo('8399989318', [1], 3),
    ]


def test_a_count_file_by_hand(write):
    counts = read_videolt_counts(write('two words 1 7\n\n' + "cat'sCradle 0 50.0\n", 'count.lst'))
    assert counts.names == {0: "cat'sCradle", 1: 'two words'}
    assert counts.counts == {0: 50, 1: 7}
    assert list(counts.counts) == [0, 1], 'not in the order of the score columns'
    assert (counts.unit, counts.source) == ('videos', 'counts of count.lst')


def test_counting_by_hand(write):
    path = write('a 0\nb 2,0\nc 0\n')
    counts = count_training_videos(path, write(COUNTS, 'count.lst'))
    assert counts.counts == {0: 3, 1: 0, 2: 1}
    assert counts.names == NAMES
    assert (counts.unit, counts.source) == ('videos', 'videos of train.lst')


def test_the_published_counts_make_the_papers_groups(write):
    """47 / 617 / 340 of 1,004 (Zhang et al., section 3), through the file's own layout."""
    recorded = np.load(DATA / 'videolt_class_counts.npz')
    lines = [f'class{i} {i} {count:.1f}\n' for i, count in enumerate(recorded['counts'].tolist())]
    counts = read_videolt_counts(write(''.join(lines), 'count.lst')).counts
    groups = split_head_medium_tail(list(counts.values()), head_min=500, tail_max=100)
    assert [len(group) for group in groups] == [47, 617, 340]
    for name in ('head', 'medium', 'tail'):
        np.testing.assert_array_equal(getattr(groups, name), np.sort(recorded[f'idx_{name}']))


LIST_ERRORS = {
    'a 0\nb\xa00\n': "line 2: the character '\\xa0'; only blanks and tabs may separate fields",
    'a\0 0\n': "line 1: the character '\\x00'",
    'a 0\rb 0\r\nc \u0663\n': "line 3: class index '\u0663' is not a whole number",
    'a\n': "line 1: 'a' has 1 fields, not 2: video id and class indices joined by commas",
    'a 0, 1\n': "line 1: 'a 0, 1' has 3 fields, not 2",
    'a 0\n\nb 3\n': 'line 3: unknown class 3: count.lst names 3 classes, 0 to 2',
    'a 0,x\n': "line 1: class index 'x' is not a whole number of at least 0",
    'a -1\n': "line 1: class index '-1' is not a whole number",
    'a 1.0\n': "line 1: class index '1.0' is not a whole number",
    'a 0,\n': "line 1: class index '' is not a whole number",
    'a 1,0,1\n': "line 1: class 1 stands twice in '1,0,1'",
    'a 0\nb 1\na 1\n': "line 3: video 'a' stands in line 1 already",
    '../a 0\n': "line 1: video id '../a' is no name of a file in a folder",
    '/a 0\n': "line 1: video id '/a' is no name",
    '\n': 'no video in the list',
}


@pytest.mark.parametrize('text', LIST_ERRORS)
def test_a_bad_list(write, text):
    path = write(text)
    with pytest.raises(ValueError) as error:
        read_videolt_list(path, NAMES, named_by='count.lst')
    assert LIST_ERRORS[text] in str(error.value)
    assert str(path) in str(error.value)


COUNT_ERRORS = {
    'bee 0\n': "line 1: 'bee 0' has 2 fields, not 3: name, class index and count",
    'bee x 1\n': "line 1: class index 'x' is not a whole number",
    'bee 0 1.5\n': "line 1: count '1.5' is not a whole number of at least 0",
    'bee 0 -1\n': "line 1: count '-1' is not a whole number",
    'bee 0 1_0\n': "line 1: count '1_0' is not a whole number",
    'bee 0 nan\n': "line 1: count 'nan' is not a whole number",
    'bee 0 1\nbat 0 1\n': 'line 2: class index 0 stands in line 1 already',
    'bee 0 1\nbee 1 1\n': "line 2: class name 'bee' stands in line 1 already",
    'bee 0 1\nbat 2 1\n': 'no class 1, though 2 is there',
    '\n': 'no class; the indices run from 0',
}


@pytest.mark.parametrize('text', COUNT_ERRORS)
def test_a_bad_count_file(write, text):
    path = write(text, 'count.lst')
    with pytest.raises(ValueError) as error:
        read_videolt_counts(path)
    assert COUNT_ERRORS[text] in str(error.value)
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match='absent.lst: no such file'):
        read_videolt_list(tmp_path / 'absent.lst', NAMES)
    (tmp_path / 'count.lst').write_bytes(b'bee 0 1\nb\xff 1 1\n')
    with pytest.raises(ValueError, match=r'count.lst, line 2: byte .* is not UTF-8'):
        read_videolt_counts(tmp_path / 'count.lst')
