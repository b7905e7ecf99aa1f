"""Read numpy's .npy files without trusting the header.

The header is a line of Python that numpy evaluates. Here it must have the one form that numpy
writes, of numbers, truth values or text, and the file be exactly as long as it says: only then is
anything allocated or mapped.
"""

from __future__ import annotations

import ast
import math
import os
import re
from typing import NamedTuple

import numpy as np

_MAGIC = b'\x93NUMPY'
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # by version
_MAX_HEADER = 10_000  # numpy's own limit

_WHOLE = r'(?:(?:0|[1-9][0-9]{0,17})L?)'  # Python 2 wrote long integers with an L
_SHAPE = rf'\((?:{_WHOLE}, ?)*{_WHOLE}?\)'
_TYPE = r"'[<>|=][biufU][0-9]{1,9}'"
_FIELD = rf"\('[A-Za-z0-9_]+', ?{_TYPE}(?:, ?{_SHAPE})?\)"
_ENTRY = (
    rf"'descr': ?(?:{_TYPE}|\[{_FIELD}(?:, ?{_FIELD})*,?\])"
    rf"|'fortran_order': ?(?:True|False)|'shape': ?{_SHAPE}"
)
_HEADER = re.compile(rf'\{{ ?(?:{_ENTRY}), ?(?:{_ENTRY}), ?(?:{_ENTRY}),? ?\}} *\n?')
_LONG = re.compile(r'(?<=[0-9])L(?=[,)])')


class _Header(NamedTuple):
    dtype: np.dtype
    shape: tuple
    order: str  # 'C' or 'F'
    offset: int  # where the data starts


def read_npy(path: str | os.PathLike) -> np.ndarray:
    """Read an array of numbers, truth values or text, or of structures of these.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no .npy, is cut off or longer than it says, holds Python objects or
            text that is no Unicode; names it.
    """
    header = _read_header(path)
    count = math.prod(header.shape)
    array = np.fromfile(path, header.dtype, count, offset=header.offset)
    _check_text(path, array)
    return array.reshape(header.shape, order=header.order)


def map_npy(path: str | os.PathLike, *, keeps_open: bool = True) -> np.ndarray:
    """Map an array instead of reading it; see :func:`read_npy`. An empty one is read.

    Args:
        path: The file.
        keeps_open: Whether the file may stay open as long as the array lives, as numpy's maps do:
            a process may open about a thousand. Otherwise it is mapped by torch. Writing into
            that array changes this process's copy of it, never the file.
    """
    header = _read_header(path)
    if not math.prod(header.shape):
        return read_npy(path)
    if keeps_open:
        array = np.memmap(path, header.dtype, 'r', header.offset, header.shape, header.order)
    else:
        import torch  # here: who opens a few files does not wait for it

        size = os.path.getsize(path)
        everything = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).numpy()
        flat = everything[header.offset :].view(header.dtype)
        array = flat.reshape(header.shape, order=header.order)
    _check_text(path, array)
    return array


def _read_header(path: str | os.PathLike) -> _Header:
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        if start[:4] == b'PK\x03\x04':
            raise ValueError(f'{path} is an archive of several arrays, not one .npy array')
        length_bytes = _LENGTH_BYTES.get(tuple(start[6:]))
        if start[:6] != _MAGIC or length_bytes is None:
            raise ValueError(f'{path} is truncated or no .npy file')
        length = int.from_bytes(file.read(length_bytes), 'little')
        text = file.read(min(length, _MAX_HEADER)).decode('latin-1')
        offset = file.tell()
    if len(text) < length or not _HEADER.fullmatch(text):
        raise ValueError(
            f'{path} is truncated or no .npy file of plain numbers: header {text.strip()!r:.200}'
        )
    # nothing but what the pattern lets through
    entries = ast.literal_eval(_LONG.sub('', text.strip()))
    if len(entries) != 3:
        raise ValueError(f'{path}: its header gives an entry twice: {text.strip()!r:.200}')
    dtype, shape = _make_dtype(path, entries['descr']), entries['shape']
    if not isinstance(shape, tuple) or len(shape) > 32 or math.prod(s or 1 for s in shape) >= 2**62:
        raise ValueError(f'{path}: shape {shape!r:.200} in its header')
    expected = offset + math.prod(shape) * dtype.itemsize
    if size != expected:
        what = 'truncated' if size < expected else 'longer than its header says'
        raise ValueError(
            f'{path} is {what}: {size} bytes, not {expected}, for shape {shape} of {dtype}'
        )
    return _Header(dtype, shape, 'F' if entries['fortran_order'] else 'C', offset)


def _make_dtype(path: str | os.PathLike, description: str | list) -> np.dtype:
    try:
        dtype = np.dtype(description)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{path}: type {description!r:.200} in its header: {error}') from None
    if not dtype.itemsize:
        raise ValueError(f'{path}: type {description!r:.200} in its header holds nothing')
    return dtype


def _check_text(path: str | os.PathLike, array: np.ndarray) -> None:
    """Raise where a text holds what is no Unicode: numpy would fail when it is looked at."""
    names = array.dtype.names or [None]
    for name in names:
        part = array if name is None else array[name]
        if part.dtype.kind != 'U' or not part.size:
            continue
        codes = np.ascontiguousarray(part).astype(part.dtype.newbyteorder('=')).view(np.uint32)
        if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise ValueError(f'{path}: a text in it is no Unicode')
