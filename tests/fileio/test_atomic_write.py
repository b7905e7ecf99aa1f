from __future__ import annotations

import os

import pytest

from mmlt.fileio.atomic_write import atomic_write


def test_writes_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / 'new' / 'a.txt'
    with atomic_write(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text('one')
    assert path.read_text() == 'one'
    assert os.listdir(path.parent) == ['a.txt']


def test_refuses_to_overwrite_unless_told(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(FileExistsError, match=r'a\.txt: exists already; pass --overwrite'):
        with atomic_write(path) as temporary:
            temporary.write_text('new')
    assert path.read_text() == 'old'
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text('new')
    assert path.read_text() == 'new'


@pytest.mark.parametrize('overwrite', [False, True])
def test_an_error_inside_leaves_the_folder_as_it_was(tmp_path, overwrite):
    path = tmp_path / 'a.txt'
    if overwrite:
        path.write_text('old')
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(RuntimeError, match='disk on fire'):
        with atomic_write(path, overwrite=overwrite) as temporary:
            temporary.write_text('half')
            raise RuntimeError('disk on fire')
    assert sorted(os.listdir(tmp_path)) == before
    assert not overwrite or path.read_text() == 'old'


def test_the_name_is_taken_from_the_start(tmp_path):
    with atomic_write(tmp_path / 'a.txt') as first:
        with pytest.raises(FileExistsError):
            with atomic_write(tmp_path / 'a.txt'):
                pass
        first.write_text('first')
    assert (tmp_path / 'a.txt').read_text() == 'first'


def test_two_writers_of_one_file_have_two_temporary_names(tmp_path):
    path = tmp_path / 'a.txt'
    with atomic_write(path, overwrite=True) as first:
        with atomic_write(path, overwrite=True) as second:
            assert first != second
            first.write_text('first')
            second.write_text('second')
        assert path.read_text() == 'second'
    assert path.read_text() == 'first'


def test_the_file_has_the_usual_mode(tmp_path):
    (tmp_path / 'usual').write_text('')
    with atomic_write(tmp_path / 'ours') as temporary:
        temporary.write_text('')
    assert (tmp_path / 'ours').stat().st_mode == (tmp_path / 'usual').stat().st_mode
