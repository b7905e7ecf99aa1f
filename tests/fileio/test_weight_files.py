from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from mmlt.fileio.weight_files import read_weights_file

ARRAYS = {
    'a/kernel': np.arange(6, dtype=np.float32).reshape(2, 3),
    'a/bias': np.array([0.5, -2], np.float64),
    'b': np.array([[1, 2]], np.int64),
}


# ------------------------------------------------------- flax's layout, written from its definition


def _text(text):
    return bytes([0xD9, len(text)]) + text.encode()


def _bytes(data):
    return b'\xc6' + struct.pack('>I', len(data)) + data


def _dict(items):
    return b'\xde' + struct.pack('>H', len(items)) + b''.join(_text(k) + v for k, v in items)


def _array(array, dtype=None, data=None):
    """Extension 1: (shape, name of the dtype, bytes in the order of C)."""
    shape = b'\xdc' + struct.pack('>H', array.ndim)
    shape += b''.join(b'\xce' + struct.pack('>I', size) for size in array.shape)
    content = _bytes(array.tobytes() if data is None else data)
    packed = b'\x93' + shape + _text(dtype or array.dtype.name) + content
    return b'\xc9' + struct.pack('>I', len(packed)) + b'\x01' + packed


def _flax(arrays, **more):
    nested = _dict([(name, _array(value)) for name, value in arrays.items()])
    return _dict([('step', b'\x07'), ('params', nested), *more.items()])


def _safetensors(entries, data):
    header = json.dumps(entries).encode()
    return struct.pack('<Q', len(header)) + header + data


def _entry(dtype, shape, start, end):
    return dict(dtype=dtype, shape=shape, data_offsets=[start, end])


def _assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.array_equal(found[name], value) and found[name].dtype == value.dtype, name
        assert found[name].flags.writeable


def test_npz(tmp_path):
    np.savez(tmp_path / 'x.npz', **ARRAYS)
    _assert_same(read_weights_file(tmp_path / 'x.npz'), ARRAYS)


def test_flax(tmp_path):
    """Nested dicts are joined by '/'; what is no array is left out."""
    path = tmp_path / 'checkpoint_100'
    empty = _dict([])
    path.write_bytes(_flax({'bias': ARRAYS['a/bias'], 'b': ARRAYS['b']}, opt_state=empty))
    expected = {'params/bias': ARRAYS['a/bias'], 'params/b': ARRAYS['b']}
    _assert_same(read_weights_file(path), expected)


def test_flax_cuts_large_arrays(tmp_path):
    values = np.arange(10, dtype=np.float32)
    shape = _dict([('0', b'\x05'), ('1', b'\x02')])
    chunks = _dict(
        [('0', _array(values[:4])), ('1', _array(values[4:8])), ('2', _array(values[8:]))]
    )
    marker = ('__msgpack_chunked_array__', b'\xc3')
    tree = _dict([('w', _dict([marker, ('shape', shape), ('chunks', chunks)]))])
    (tmp_path / 'flax').write_bytes(tree)
    _assert_same(read_weights_file(tmp_path / 'flax'), {'w': values.reshape(5, 2)})


def test_bfloat16_becomes_float32(tmp_path):
    """0x3FC0 is 1.5, 0xC000 is -2."""
    data = struct.pack('<2H', 0x3FC0, 0xC000)
    (tmp_path / 'flax').write_bytes(_dict([('w', _array(np.zeros(2, 'u2'), 'bfloat16', data))]))
    tensors = _safetensors({'w': _entry('BF16', [2], 0, 4)}, data)
    (tmp_path / 'x.safetensors').write_bytes(tensors)
    for name in ('flax', 'x.safetensors'):
        found = read_weights_file(tmp_path / name)
        _assert_same(found, {'w': np.array([1.5, -2], np.float32)})


def test_safetensors(tmp_path):
    bias, kernel = ARRAYS['a/bias'].tobytes(), ARRAYS['a/kernel'].tobytes()
    entries = {
        '__metadata__': {'format': 'pt'},
        'a/kernel': _entry('F32', [2, 3], 16, 40),
        'a/bias': _entry('F64', [2], 0, 16),
        'b': _entry('I64', [1, 2], 40, 56),
    }
    data = bias + kernel + ARRAYS['b'].tobytes()
    (tmp_path / 'x.safetensors').write_bytes(_safetensors(entries, data))
    _assert_same(read_weights_file(str(tmp_path / 'x.safetensors')), ARRAYS)


@pytest.mark.parametrize(
    ('name', 'data', 'message'),
    [
        ('x.npz', b'no archive', 'not a file of weights that can be read'),
        ('x.npz', b'PK\x03\x04broken', 'not a file of weights that can be read'),
        ('x.safetensors', b'\xff' * 8, 'a header of .* bytes in a file of 8'),
        ('x.safetensors', _safetensors([], b''), 'its header is no dict'),
        ('x.safetensors', struct.pack('<Q', 9999) + b'[' * 9999, 'recursion'),
        ('x.safetensors', _safetensors({'w': _entry('F32', [1], 0, 8)}, b'1234'), 'bytes 0 to 8'),
        ('x.safetensors', _safetensors({'w': _entry('F32', [2], 0, 4)}, b'1234'), '4 bytes for'),
        ('x.safetensors', _safetensors({'w': _entry('F8', [4], 0, 4)}, b'1234'), "'F8'"),
        ('x.safetensors', _safetensors({'w': _entry('U8', [-4], 0, 4)}, b'1234'), r'\(-4,\)'),
        ('x.safetensors', _safetensors({'w': dict(shape=[1])}, b'1234'), 'data_offsets'),
        ('flax', b'\x92\x01\x02', 'a list and no dict of weights'),
        ('flax', _flax(ARRAYS)[:-3], 'cut off'),
        ('flax', _dict([('w', _array(np.zeros(2), 'object'))]), "an array of 'object'"),
        ('flax', _dict([('w', _array(np.zeros(2), data=b'123'))]), '3 bytes for float64'),
        ('flax', b'\xc7\x04\x01\xd4\x01\x00\x00', 'an extension 1 within an array'),
        ('flax', b'\x80\x04\x95pickled', 'it ends at byte 1'),
    ],
    ids=lambda part: repr(part)[:24],
)
def test_what_is_refused_names_the_file(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read_weights_file(path)
    assert str(caught.value).startswith(f'{path}: ')


def test_a_damaged_file_is_refused_or_read(tmp_path):
    """Bytes changed at random: a ValueError that names the file, or arrays, nothing else."""
    np.savez(tmp_path / 'x.npz', **ARRAYS)
    data = ARRAYS['a/kernel'].tobytes()
    entries = {'w': _entry('F32', [2, 3], 0, 24)}
    (tmp_path / 'x.safetensors').write_bytes(_safetensors(entries, data))
    (tmp_path / 'flax').write_bytes(_flax(ARRAYS))
    rng = np.random.default_rng(0)
    for name in ('x.npz', 'x.safetensors', 'flax'):
        whole = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        for _ in range(150):
            damaged = whole[: rng.integers(len(whole)) if rng.random() < 0.2 else None].copy()
            if len(damaged):
                places = rng.integers(len(damaged), size=rng.integers(1, 4))
                damaged[places] = rng.integers(256, size=len(places))
            path = tmp_path / f'damaged_{name}'
            path.write_bytes(damaged.tobytes())
            try:
                read_weights_file(path)
            except ValueError as error:
                assert str(error).startswith(str(path))


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / 'x.npz', w=np.array([print], dtype=object))
    with pytest.raises(ValueError, match='allow_pickle=False'):
        read_weights_file(tmp_path / 'x.npz')


def test_one_array_is_no_archive(tmp_path):
    np.save(tmp_path / 'x.npy', np.zeros(2))
    (tmp_path / 'x.npy').rename(tmp_path / 'x.npz')
    with pytest.raises(ValueError, match='one array and no archive of several'):
        read_weights_file(tmp_path / 'x.npz')


def test_no_such_file(tmp_path):
    for name in ('x.npz', 'x.safetensors', 'flax'):
        with pytest.raises(FileNotFoundError):
            read_weights_file(tmp_path / name)
