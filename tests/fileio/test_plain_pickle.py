from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest

from mmlt.fileio.plain_pickle import read_pickled_arrays

BOXES = np.array([[0.1, 0.2, 0.5, 0.9]])


def _write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize('protocol', range(6))
def test_every_protocol_and_what_a_dict_may_hold(tmp_path, protocol):
    shared = np.arange(4, dtype='>i2')
    content = {
        'a': BOXES,
        'fortran': np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        'empty': np.zeros((0, 5), np.float32),
        'one': shared,
        'two': shared,
        'long': np.arange(40_000),  # outside of the frames of protocol 4
        '\u00fcn\u00ef': np.array([True, False]),
        'text': np.array(['x', 'yz']),
        'plain': [
            1,
            -1,
            300,
            70_000,
            2**40,
            -(2**70),
            1.5,
            None,
            True,
            False,
            (),
            (1,),
            (1, 2, 3, 4),
        ],
        'nested': {'a': [{}], 'b': "c\n\\'"},
    }
    found = read_pickled_arrays(_write(tmp_path / 'a.pkl', pickle.dumps(content, protocol)))
    assert list(found) == list(content)
    for key, value in content.items():
        if isinstance(value, np.ndarray):
            assert found[key].dtype == value.dtype
            np.testing.assert_array_equal(found[key], value)
            assert found[key].flags.writeable
        else:
            assert found[key] == value


def test_what_python_2_writes(tmp_path):
    """By the letters: a str key, and the bytes of the array as a str, in protocols 0 and 2."""
    data = np.array([[0.5, 1.0]], '<f4').tobytes()
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\nI2\nt"
    start += b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    escaped = ''.join(f'\\x{byte:02x}' for byte in data).encode()
    first = b"(dS'v,0902'\n" + start + b"S'" + escaped + b"'\ntbs."
    second = b'\x80\x02}U\x06v,0902' + start + b'U' + bytes([len(data)]) + data + b'tbs.'
    for content in (first, second):
        found = read_pickled_arrays(_write(tmp_path / 'a.pkl', content))
        assert found['v,0902'].tolist() == [[0.5, 1.0]]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'\x80\x02}q', 'it is cut off'),
        (b'\x80\x02', 'it is cut off'),
        (b'\x80\x09}.', 'a protocol above 5'),
        (pickle.dumps({'a': BOXES}) * 2, 'bytes behind its end'),
        (b'}}.', 'more than one value'),
        (b'.', 'takes a value where there is none'),
        (b'(.', 'takes a value where there is none'),
        (b't.', 'goes back to a mark that is not there'),
        (b'h\5.', 'asks for a value that it has not kept'),
        (b'q\5.', 'keeps a value where there is none'),
        (b']K\1K\2s.', 'fills a dict where there is none'),
        (b'}K\1a.', 'fills a list where there is none'),
        (b'}K\1K\2s.', 'a key that is no text but int'),
        (b'}(X\1\0\0\0aK\1X\1\0\0\0aK\2u.', "the key 'a' twice"),
        (b'}(X\1\0\0\0au.', 'gives a key without a value'),
        (b'X\1\0\0\0\xff.', 'the text'),
        (b'I1_0\n.', r"the number b'1_0'"),
        (b'L9' + b'9' * 30 + b'L\n.', 'the number'),
        (b'F0x1p3\n.', 'the number'),
        (b"S'a\\q'\n.", 'the text'),
        (b'Q.', 'the instruction'),
        (b"cos\nsystem\n(S'true'\ntR.", 'os.system'),
        (b"cnumpy\ndtype\n(S'O8'\ntR.", 'dtype of'),
        (b'cnumpy\ndtype\n)R.', 'dtype of'),
        (b'c__builtin__\nbytes\n(I9999999999\ntR.', 'another call of bytes'),
        (b']]R.', 'a call of what is no name'),
        (b']]b.', 'a state of what is no array'),
    ],
)
def test_all_else_is_an_error_that_names_the_file(tmp_path, content, message):
    with pytest.raises(
        ValueError, match=r'a\.pkl: not a pickle of a plain dict.*' + message
    ) as error:
        read_pickled_arrays(_write(tmp_path / 'a.pkl', content))
    assert type(error.value) is ValueError
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        (b'K\1K\1K\4\x86', b'K\1K\1K\5\x86', r'32 bytes for an array of shape \(1, 5\)'),
        (b'K\1K\1K\4\x86', b'K\1M\xff\xffK\4\x86', r'32 bytes for an array of shape \(65535'),
        (b'f8', b'f7', "type 'f7'"),
        (b'f8', b'O8', 'dtype of'),
    ],
)
def test_an_array_that_does_not_fit_its_bytes(tmp_path, old, new, message):
    content = pickle.dumps({'a': BOXES}, 2)
    assert content.count(old) == 1
    with pytest.raises(ValueError, match=message):
        read_pickled_arrays(_write(tmp_path / 'a.pkl', content.replace(old, new)))


@pytest.mark.parametrize(
    'content',
    [
        b'\x80\x02}r\xff\xff\xff\x3f.',  # an index for which C's reader makes room
        b'\x80\x04\x8e' + (2**40).to_bytes(8, 'little') + b'.',
        b'\x80\x04\x95' + (2**40).to_bytes(8, 'little') + b'.',
        b'\x80\x04' + b'(' * 100_000,
        b'\x80\x04)' + b'\x85' * 100_000 + b'.',  # tuples in tuples, without end
    ],
)
def test_nothing_is_believed_to_be_large_or_deep(tmp_path, content):
    path = _write(tmp_path / 'a.pkl', content)
    tracemalloc.start()
    try:
        read_pickled_arrays(path)
    except ValueError:
        pass
    assert tracemalloc.get_traced_memory()[1] < 100 * len(content) + 1e5
    tracemalloc.stop()


NESTED = b')' + b'\x85' * 100_000  # a tuple in a tuple in a tuple ...
# each holds the one before it twice: 2**26 values in 106 bytes
PAIRS = b')\x94' + b''.join(b'h%c\x86\x94' % i for i in range(26))


@pytest.mark.parametrize('value', [NESTED, PAIRS], ids=['nested', 'pairs'])
@pytest.mark.parametrize(
    ('start', 'end', 'message'),
    [
        (b'', b'\x8c\x01a\x93.', r"a name that is no text but tuple\.'a'"),
        (b'\x8c\x01a', b'\x93.', r"a name that is no text but 'a'\.tuple"),
        (b'\x8c\x05numpy\x8c\x05dtype\x93', b'\x85R.', r'dtype of \(tuple\)'),
        (b'cnumpy.core.numeric\n_frombuffer\n(C\0cnumpy\ndtype\n\x8c\x02f4\x85R',
         b'\x8c\x01CtR.', r'an array of shape \(tuple(, tuple)?\)'),
        (b'', b'R.', 'takes a value where there is none|a call of what is no name'),
        (b'}', b'\x8c\x01as.', 'a key that is no text but tuple'),
        (b'}\x8c\x01a', b's.', ''),
    ],
)  # fmt: skip
def test_no_message_prints_what_has_no_end(tmp_path, start, value, end, message):
    path = _write(tmp_path / 'a.pkl', b'\x80\x04' + start + value + end)
    if not message:
        assert type(read_pickled_arrays(path)['a']) is tuple
        return
    with pytest.raises(ValueError, match=message) as error:
        read_pickled_arrays(path)
    assert len(str(error.value)) < len(str(path)) + 200


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_pickled_arrays(tmp_path / 'a.pkl')
