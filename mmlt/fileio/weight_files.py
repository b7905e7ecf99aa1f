"""Weights of other code as arrays by name: .npz, .safetensors, flax's msgpack. No pickles."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.fileio.msgpack_values import unpack_msgpack

_NDARRAY, _SCALAR = 1, 3  # flax's extensions; 2 is a complex number, of which weights have none
_CHUNKED = '__msgpack_chunked_array__'  # in which flax cuts arrays of over a gigabyte
_SAFETENSORS = {'F64': '<f8', 'F32': '<f4', 'F16': '<f2', 'BF16': 'bfloat16'}
_SAFETENSORS.update({'I64': '<i8', 'I32': '<i4', 'I16': '<i2', 'I8': 'i1', 'U8': 'u1', 'BOOL': '?'})
_MAX_HEADER = 100_000_000  # bytes, as safetensors itself has it


def read_weights_file(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Every array of a file, by its name; of nested dicts the keys joined by '/'.

    Args:
        path: Ends in .npz or .safetensors; any other is read as flax's msgpack.

    Returns:
        Arrays of their own memory; bfloat16, which numpy lacks, as float32.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, cut off, or of another kind; names the file.
    """
    path = Path(path).expanduser()
    readers = {'.npz': _read_npz, '.safetensors': _read_safetensors}
    reader = readers.get(path.suffix.lower(), _read_flax)
    try:
        return reader(path)
    except (FileNotFoundError, PermissionError, IsADirectoryError, MemoryError):
        raise
    except Exception as error:  # a damaged archive can raise anything
        reason = str(error) or type(error).__name__
        raise ValueError(f'{path}: not a file of weights that can be read: {reason}') from None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:  # numpy would allocate what a damaged header says
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f'{damaged} in it has another checksum than was written')
    arrays = np.load(path, allow_pickle=False)
    if not isinstance(arrays, Mapping):
        raise ValueError('one array and no archive of several')
    with arrays:
        return {name: arrays[name] for name in arrays.files}


# ------------------------------------------------------------------------------ safetensors


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), 'little')
        if length > min(_MAX_HEADER, size - 8):
            raise ValueError(f'a header of {length} bytes in a file of {size}')
        header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ValueError('its header is no dict')
        data = file.read()
    header.pop('__metadata__', None)
    arrays = {}
    for name, entry in header.items():
        start, end = entry['data_offsets']
        if not 0 <= start <= end <= len(data):
            raise ValueError(f'{name}: bytes {start} to {end} of {len(data)}')
        arrays[name] = _array(data[start:end], _SAFETENSORS[entry['dtype']], entry['shape'])
    return arrays


# ------------------------------------------------------------------------------------- flax


def _read_flax(path: Path) -> dict[str, np.ndarray]:
    tree = unpack_msgpack(path.read_bytes(), _read_ext)
    if not isinstance(tree, dict):
        raise ValueError(f'a {type(tree).__name__} and no dict of weights')
    return dict(_leaves_of(tree, ''))


def _read_ext(code: int, data: memoryview) -> Any:
    """An array or a scalar of numpy: (shape, name of the dtype, bytes), again in msgpack."""
    if code not in (_NDARRAY, _SCALAR):
        return None  # some number that is no weight
    shape, dtype, content = unpack_msgpack(data, _refuse_ext)
    return _array(content, dtype if isinstance(dtype, str) else str(dtype, 'ascii'), shape)


def _refuse_ext(code: int, data: memoryview) -> Any:
    raise ValueError(f'an extension {code} within an array')


def _leaves_of(tree: Mapping, path: str) -> Iterator[tuple[str, np.ndarray]]:
    for key, value in tree.items():
        name = f'{path}/{key}' if path else str(key)
        if isinstance(value, dict) and _CHUNKED in value:
            yield name, _joined(value)
        elif isinstance(value, dict):
            yield from _leaves_of(value, name)
        elif isinstance(value, np.ndarray):
            yield name, value


def _joined(tree: Mapping) -> np.ndarray:
    """Lists are dicts by position here: {'0': first, '1': second}."""
    shape, chunks = (list(tree[key].values()) for key in ('shape', 'chunks'))
    return np.concatenate(chunks).reshape([int(size) for size in shape])


# --------------------------------------------------------------------------------- arrays


def _array(data: bytes, dtype: str, shape: Any) -> np.ndarray:
    shape = tuple(int(size) for size in shape)
    is_bfloat16 = dtype == 'bfloat16'
    element = np.dtype('<u2' if is_bfloat16 else dtype)
    if element.kind not in 'biuf' or min(shape, default=0) < 0:
        raise ValueError(f'an array of {dtype!r} and shape {shape}')
    if len(data) != math.prod(shape) * element.itemsize:
        raise ValueError(f'{len(data)} bytes for {dtype} of shape {shape}')
    array = np.frombuffer(data, element).reshape(shape)
    if is_bfloat16:  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.copy()
