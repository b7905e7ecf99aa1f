from __future__ import annotations

import pytest

from mmlt.fileio.clip_lists import count_training_clips, highest_label, read_class_names


def test_counted_by_hand(tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text('\ufeffa.mp4 0\n\n b.mp4\t2 0\r\nc.mp4 2\n \n', encoding='utf-8')
    found = count_training_clips(path)
    assert found.counts == {0: 2, 1: 0, 2: 2}
    assert found.names == {0: '0', 1: '1', 2: '2'}
    assert (found.source, found.unit) == ('clips of train.txt', 'clips')
    assert count_training_clips(path, list('abcd')).counts == {0: 2, 1: 0, 2: 2, 3: 0}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a.mp4 0\nb.mp4\n', ", line 2: no label behind the path: 'b.mp4'"),
        (
            'a.mp4 0\rb.mp4 x\n',
            ", line 2: label 'x' is not a whole number of at least 0, or more than",
        ),
        ('a.mp4 -1\n', ", line 1: label '-1' is not a whole number"),
        ('a.mp4 \uff11\n', ", line 1: label '\uff11' is not a whole number"),
        ('a.mp4 999999999\n', ", line 1: label '999999999' is not a whole number"),
        ('a.mp4 1 1\n', ", line 1: a label stands twice: '1 1'"),
        ('a.mp4 4\n', ', line 1: label 4 is not among the 3 class names, 0 to 2'),
        ('a\u3000b.mp4 0\n', r", line 1: the character '\\u3000'"),
        ('\n', ': an empty list of clips'),
    ],
)
def test_a_bad_list(tmp_path, text, message):
    path = tmp_path / 'train.txt'
    path.write_text(text, encoding='utf-8', newline='')
    with pytest.raises(ValueError, match=r'train\.txt' + message):
        count_training_clips(path, ['a', 'b', 'c'])


def test_label_list(tmp_path):
    path = tmp_path / 'labels.txt'
    path.write_text('walk\nplaying a flute \n\n', encoding='utf-8')
    assert read_class_names(path) == ['walk', 'playing a flute']
    path.write_text('\twalk\xa0\nrun\n', encoding='utf-8')
    assert read_class_names(path) == ['walk\xa0', 'run']  # only blanks and tabs are cut off


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', r'labels\.txt: an empty label list'),
        ('a\n\nb\n', r'labels\.txt, line 2: empty, where class 1 has its name'),
        ('a\nb\na\n', r"labels\.txt, line 3: name 'a' repeated, first in 1"),
        ('a\nb\0c\n', r"line 2: name 'b\\x00c': it must not hold the control character"),
        ('a\nb\x85\n', r"line 2: name 'b\\x85': it must not hold the control character"),
    ],
)
def test_bad_label_lists(tmp_path, text, message):
    path = tmp_path / 'labels.txt'
    path.write_text(text, encoding='utf-8')
    with pytest.raises(ValueError, match=message):
        read_class_names(path)


def test_a_label_list_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / 'labels.txt').write_bytes(b'walk\n\xe9\n')
    with pytest.raises(ValueError, match=r"labels\.txt, line 2: byte b'\\xe9' is not UTF-8 text"):
        read_class_names(tmp_path / 'labels.txt')


def test_highest_label(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('a.mp4 3\nfolder/b c.mp4 12\n\nframes 300 7\n')
    assert highest_label(path) == 12
    path.write_text('a.mp4,3\nb.mp4,2\n')
    assert highest_label(path) is None
    assert highest_label(path, ',') == 3
