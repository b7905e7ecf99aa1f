"""Class ids: fixed by a list, or stable from one import to the next."""

from __future__ import annotations

import pytest

from mmlt.datasets.own_data.class_list import are_ids, number_classes, read_class_file


def _number(names, fixed=None, known=None):
    return number_classes(names, fixed=fixed, known=known)


def test_first_import_goes_by_the_alphabet():
    assert _number({'walk', 'Sit', 'run'}) == {1: 'run', 2: 'Sit', 3: 'walk'}


def test_later_imports_keep_ids_and_put_new_classes_behind():
    known = _number({'walk', 'sit'})
    later = _number({'crawl', 'walk', 'fly'}, known=known)
    assert later == {1: 'sit', 2: 'walk', 3: 'crawl', 4: 'fly'}
    assert list(_number({'a'}, known={7: 'x', 2: 'y'}).items()) == [(2, 'y'), (7, 'x'), (8, 'a')]


def test_numbers_are_ids():
    assert _number({'12', '3'}) == {3: '3', 12: '12'}
    assert _number({'7'}, known={3: '3'}) == {3: '3', 7: '7'}
    assert _number({'12', 'walk'}) == {1: '12', 2: 'walk'}
    assert _number({'007'}) == {1: '007'}
    assert are_ids({3: '3'}) and not are_ids({3: 'sit'})


def test_fixed_list():
    fixed = {1: 'walk', 2: 'sit', 3: 'fly'}
    assert _number({'sit'}, fixed=fixed, known={1: 'sit'}) == fixed
    with pytest.raises(ValueError, match="--classes: labels that are not in the list: 'Sit'"):
        _number({'Sit'}, fixed=fixed)


def test_class_files(tmp_path):
    (tmp_path / 'c.txt').write_bytes('\ufeffwalk\r\n\r\n sit \r\n'.encode())
    assert read_class_file(tmp_path / 'c.txt') == {1: 'walk', 2: 'sit'}
    (tmp_path / 'c.pbtxt').write_text('item {\n  name: "walk"\n  id: 4\n}\n', encoding='utf-8')
    assert read_class_file(tmp_path / 'c.pbtxt') == {4: 'walk'}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('walk\nsit\nwalk\n', "c.txt, line 3: 'walk': twice"),
        ('walk\na\tb\n', 'c.txt, line 2: .*control character'),
        ('\n', 'c.txt: no class; a name a line is due'),
    ],
)
def test_wrong_class_files(tmp_path, content, message):
    (tmp_path / 'c.txt').write_text(content, encoding='utf-8')
    with pytest.raises(ValueError, match=message):
        read_class_file(tmp_path / 'c.txt')
