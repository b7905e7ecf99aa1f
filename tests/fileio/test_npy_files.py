from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest

from mmlt.fileio.npy_files import map_npy, read_npy

READERS = {'read': read_npy, 'map': map_npy, 'closed map': partial(map_npy, keeps_open=False)}
ARRAYS = {
    'float': np.arange(6, dtype='<f4').reshape(2, 3),
    'big-endian': np.arange(6, dtype='>f8').reshape(3, 2),
    'fortran': np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    'scalar': np.array(3, np.int16),
    'empty': np.zeros((0, 4), np.float32),
    'bool': np.array([True, False]),
    'text': np.array(['a', 'b\u00e4\U0001f600']),
    'structure': np.array([('x', 1, [1.5, 2])], [('n', '<U3'), ('i', 'u1'), ('b', '<f4', (2,))]),
}


@pytest.mark.parametrize('name', ARRAYS)
@pytest.mark.parametrize('read', READERS.values(), ids=READERS)
@pytest.mark.parametrize('version', [(1, 0), (2, 0), (3, 0)])
def test_what_numpy_writes_comes_back(tmp_path, name, read, version):
    with open(tmp_path / 'a.npy', 'wb') as file:
        np.lib.format.write_array(file, ARRAYS[name], version=version)
    found, expected = read(tmp_path / 'a.npy'), np.load(tmp_path / 'a.npy')
    np.testing.assert_array_equal(found, expected)
    assert (found.dtype, found.flags.f_contiguous) == (expected.dtype, expected.flags.f_contiguous)


def test_a_map_reads_nothing(tmp_path):
    np.save(tmp_path / 'a.npy', ARRAYS['float'])
    assert isinstance(map_npy(tmp_path / 'a.npy'), np.memmap)


def test_what_is_written_into_a_map_stays_out_of_the_file(tmp_path):
    np.save(tmp_path / 'a.npy', ARRAYS['float'])
    mapped = map_npy(tmp_path / 'a.npy', keeps_open=False)
    mapped[0, 0] = 7
    assert mapped[0, 0] == 7 and np.load(tmp_path / 'a.npy')[0, 0] == 0


def _with_header(path, header, data=b'\0' * 24):
    header = header.encode('latin-1')
    path.write_bytes(b'\x93NUMPY\1\0' + len(header).to_bytes(2, 'little') + header + data)
    return path


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"


@pytest.mark.parametrize(
    ('header', 'message'),
    [
        (GOOD.replace('2', '9'), 'is truncated: .* not .*'),
        (GOOD.replace('2', '1'), 'is longer than its header says'),
        (GOOD.replace('<f4', '<f9'), "type '<f9' in its header"),
        (GOOD.replace('<f4', '|O'), 'no .npy file of plain numbers: header'),
        (GOOD.replace('<f4', '<U0'), 'in its header holds nothing'),
        (GOOD.replace('2, 3', '2, -3'), 'no .npy file of plain numbers'),
        (GOOD.replace('(2, 3)', '(6)'), r'shape 6 in its header'),
        (GOOD.replace('2, 3', ', '.join('1' * 40)), 'in its header'),
        (GOOD.replace('2, 3', '0, 999999999999999999, 999999999999999999'), 'in its header'),
        (GOOD.replace('shape', 'descr').replace('(2, 3)', "'<f4'"), 'gives an entry twice'),
        (GOOD.replace('False', '__import__("os")'), 'no .npy file of plain numbers'),
        (GOOD.replace('(2, 3)', '(2LL, 3)'), 'no .npy file of plain numbers'),
        (GOOD.replace('(2, 3)', '(L, 3)'), 'no .npy file of plain numbers'),
        (GOOD.replace('2, 3', '02, 3'), 'no .npy file of plain numbers'),
        ('(' * 9000, 'no .npy file of plain numbers'),
        ("{'descr': '<f4'", 'no .npy file of plain numbers'),
    ],
)
def test_a_header_that_is_not_numpys(tmp_path, header, message):
    path = _with_header(tmp_path / 'a.npy', header)
    for read in READERS.values():
        with pytest.raises(ValueError, match=r'a\.npy.*' + message) as error:
            read(path)
        assert type(error.value) is ValueError


def test_a_good_header_of_our_own(tmp_path):
    assert read_npy(_with_header(tmp_path / 'a.npy', GOOD)).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize(
    ('descr', 'shape'),
    [("'<f4'", '(2L, 3L)'), ("'<f4'", '(6L,)'), ("[('1L', '<f4', (3L,))]", '(2L,)')],
)
def test_the_long_integers_of_python_2(tmp_path, descr, shape):
    header = GOOD.replace("'<f4'", descr).replace('(2, 3)', shape)
    path = _with_header(tmp_path / 'a.npy', header, np.arange(6, dtype='<f4').tobytes())
    with pytest.warns(UserWarning, match='Python 2'):
        expected = np.load(path)
    for read in READERS.values():
        assert read(path).dtype == expected.dtype
        np.testing.assert_array_equal(read(path), expected)


def test_a_size_that_lies_allocates_nothing(tmp_path):
    path = _with_header(tmp_path / 'a.npy', GOOD.replace('2, 3', '500000000, 3'))
    tracemalloc.start()
    with pytest.raises(ValueError, match='is truncated'):
        read_npy(path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize('code', [0x110000, 0xD800])
def test_text_that_is_no_unicode(tmp_path, code):
    np.save(tmp_path / 'a.npy', np.array([('abc', 1)], [('video_id', '<U3'), ('t', '<i4')]))
    content = (tmp_path / 'a.npy').read_bytes().replace(b'b\0\0\0', code.to_bytes(4, 'little'))
    (tmp_path / 'a.npy').write_bytes(content)
    for read in READERS.values():
        with pytest.raises(ValueError, match=r'a\.npy: a text in it is no Unicode'):
            read(tmp_path / 'a.npy')


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_npy(tmp_path / 'a.npy')
    np.savez(tmp_path / 'a.npz', np.ones(3))
    with pytest.raises(ValueError, match=r'a\.npz is an archive of several arrays'):
        read_npy(tmp_path / 'a.npz')
