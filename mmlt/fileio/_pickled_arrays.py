"""What stands in for numpy while a pickle is read: it takes only what numpy itself writes."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple, NoReturn

import numpy as np

_CORES = ('numpy.core', 'numpy._core')  # of numpy 1 and numpy 2
_NAMES = {
    ('numpy', 'dtype'): 'dtype',
    ('numpy', 'ndarray'): 'ndarray',
    ('_codecs', 'encode'): 'encode',
    ('__builtin__', 'bytes'): 'bytes',  # of Python 3 in the protocols of Python 2: b'' is bytes()
    ('builtins', 'bytes'): 'bytes',
    **{(f'{core}.multiarray', '_reconstruct'): 'reconstruct' for core in _CORES},
    **{(f'{core}.numeric', '_frombuffer'): 'frombuffer' for core in _CORES},
}
# what comes in by accident: a dict that keeps its order, a text or a number taken out of an array
_NEARLY_PLAIN = {(f'{core}.multiarray', 'scalar') for core in _CORES}
_NEARLY_PLAIN.add(('collections', 'OrderedDict'))
_HINT = '; write it again as the plain dict {str(key): numpy.array(value) for key, value in ...}'
_CODE = re.compile(r'[biufU][0-9]{1,4}')
_MAX_DIMS = 32


def refuse(what: str) -> NoReturn:
    """Raise for something that a plain dict of arrays does not have."""
    raise ValueError(f'it holds {what}')


def _told(value: Any) -> str:
    """A value in a message: its type, unless it is text or a number.

    Containers may be nested without end, or hold one another so often that to print them takes
    hours, even if the message is cut afterwards.
    """
    return f'{value!r:.80}' if type(value) in (str, int) else type(value).__name__


class _Name(NamedTuple):
    """A name in the file, by what it does."""

    role: str


def stand_in(module: Any, name: Any) -> _Name:
    """The stand-in for a name of the file."""
    if type(module) is not str or type(name) is not str:
        refuse(f'a name that is no text but {_told(module)}.{_told(name)}')
    if (module, name) not in _NAMES:
        hint = _HINT if (module, name) in _NEARLY_PLAIN else ''
        refuse(f'{module:.80}.{name:.80}{hint}')
    return _Name(_NAMES[module, name])


def call(function: Any, arguments: Any) -> Any:
    """What numpy's function gives for these arguments."""
    role = function.role if isinstance(function, _Name) else None
    if role is None or type(arguments) is not tuple:
        refuse('a call of what is no name')
    kinds = tuple(type(argument) for argument in arguments)
    if role == 'bytes' and not arguments:
        return b''
    if role == 'encode' and kinds == (str, str) and arguments[1] in ('latin1', 'latin-1'):
        return _as_bytes(arguments[0])
    if role == 'dtype' and kinds[:1] == (str,) and _CODE.fullmatch(arguments[0]):
        return PickledDType(arguments[0])
    if role == 'reconstruct' and kinds[:1] == (_Name,) and arguments[0].role == 'ndarray':
        return PickledArray()
    if role == 'frombuffer' and len(arguments) == 4:
        buffer, dtype, shape, order = arguments
        array = PickledArray()
        array.set_state((1, shape, dtype, order == 'F', buffer))
        return array
    told = ', '.join(_told(argument) for argument in arguments[:4])
    refuse(f'dtype of ({told})' if role == 'dtype' else f'another call of {role}')


def _as_bytes(text: str) -> bytes:
    try:
        return text.encode('latin-1')
    except UnicodeEncodeError:
        refuse('text where the bytes of an array are due')


class PickledDType:
    """A type of numbers; the order of its bytes comes as its state."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, '='
        self._dtype: np.dtype | None = None

    def set_state(self, state: Any) -> None:
        """Take (version, order of bytes, ...), of which the rest is about structures."""
        if type(state) is not tuple or len(state) < 5 or state[1] not in ('<', '>', '|', '='):
            refuse('the state of a type that is none of numbers')
        if state[2:5] != (None, None, None):
            refuse('a type with fields')
        self.order, self._dtype = state[1], None

    def dtype(self) -> np.dtype:
        """The type."""
        if self._dtype is None:
            try:
                self._dtype = np.dtype(self.order + self.code)
            except TypeError:
                refuse(f'type {self.code!r}')
        return self._dtype


class PickledArray:
    """An array, empty until its state comes."""

    def __init__(self) -> None:
        self.array: np.ndarray | None = None

    def set_state(self, state: Any) -> None:
        """Take (version, shape, dtype, whether in Fortran's order, the bytes)."""
        if type(state) is not tuple or len(state) != 5:
            refuse('an array of another layout')
        _, shape, dtype, is_fortran, content = state
        if isinstance(content, str):  # the bytes of Python 2
            content = _as_bytes(content)
        if not isinstance(dtype, PickledDType) or not isinstance(content, bytes):
            refuse('an array of something else than numbers')
        if type(shape) is not tuple or len(shape) > _MAX_DIMS:
            refuse('an array without a shape')
        if any(type(size) is not int or not 0 <= size < 2**31 for size in shape):
            refuse(f'an array of shape ({", ".join(map(_told, shape)):.80})')
        kind = dtype.dtype()
        if not kind.itemsize or math.prod(shape) * kind.itemsize != len(content):
            refuse(f'{len(content)} bytes for an array of shape {shape!s:.80} and {kind}')
        array = np.frombuffer(content, kind)
        self.array = array.reshape(shape, order='F' if is_fortran else 'C').copy()

    def finished(self) -> np.ndarray:
        """The array."""
        if self.array is None:
            refuse('an array without content')
        return self.array
