"""Read msgpack, the binary form of JSON in which flax keeps its checkpoints.

Nothing in a file can run code: it makes numbers, text, bytes, lists, dicts and, through the
caller's function, extension values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

_MAX_DEPTH = 64  # of lists and dicts in one another
# first byte -> struct format of a number
_NUMBERS = {0xCA: '>f', 0xCB: '>d', 0xCC: '>B', 0xCD: '>H', 0xCE: '>I', 0xCF: '>Q'}
_NUMBERS.update({0xD0: '>b', 0xD1: '>h', 0xD2: '>i', 0xD3: '>q'})
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
# first byte -> kind, and how many bytes its length takes
_SIZED = {0xC4: ('bytes', 1), 0xC5: ('bytes', 2), 0xC6: ('bytes', 4)}
_SIZED.update({0xC7: ('ext', 1), 0xC8: ('ext', 2), 0xC9: ('ext', 4)})
_SIZED.update({0xD9: ('text', 1), 0xDA: ('text', 2), 0xDB: ('text', 4)})
_SIZED.update({0xDC: ('list', 2), 0xDD: ('list', 4), 0xDE: ('dict', 2), 0xDF: ('dict', 4)})
_FIXED_EXT = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}  # first byte -> length


def unpack_msgpack(data: bytes | memoryview, read_ext: Callable[[int, memoryview], Any]) -> Any:
    """The one value that ``data`` holds.

    Args:
        data: A whole file.
        read_ext: Makes a value of an extension's code and bytes.

    Returns:
        None, a truth value, a number, text, bytes, a list, a dict, or what ``read_ext`` returned.

    Raises:
        ValueError: The bytes are cut off, go on after the value, or are no msgpack.

    Example:
        >>> unpack_msgpack(bytes([0x81, 0xA1]) + b'x' + bytes([0x92, 0x01, 0xC0]), None)
        {'x': [1, None]}
    """
    reader = _Reader(memoryview(data), read_ext)
    value = reader.read(0)
    if reader.position != len(reader.data):
        raise ValueError(f'no msgpack: it ends at byte {reader.position} of {len(reader.data)}')
    return value


class _Reader:
    def __init__(self, data: memoryview, read_ext: Callable[[int, memoryview], Any]) -> None:
        self.data, self.read_ext, self.position = data, read_ext, 0

    def read(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError(f'no msgpack of ours: values more than {_MAX_DEPTH} deep')
        start, first = self.position, self._take(1)[0]
        if first <= 0x7F:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            layout = struct.Struct(_NUMBERS[first])
            return layout.unpack(self._take(layout.size))[0]
        if first in _FIXED_EXT:
            return self._value('ext', _FIXED_EXT[first], depth)
        if first <= 0xBF:  # a short dict, list or text, with its length in the same byte
            mask = 0x1F if first >= 0xA0 else 0x0F
            kind = 'text' if first >= 0xA0 else 'list' if first >= 0x90 else 'dict'
            return self._value(kind, first & mask, depth)
        if first not in _SIZED:
            raise ValueError(f'no msgpack: byte {first:#x} at {start}')
        kind, num_bytes = _SIZED[first]
        return self._value(kind, int.from_bytes(self._take(num_bytes), 'big'), depth)

    def _value(self, kind: str, length: int, depth: int) -> Any:
        if kind == 'bytes':
            return bytes(self._take(length))
        if kind == 'text':
            return str(self._take(length), 'utf-8')
        if kind == 'ext':
            code = self._take(1)[0]
            return self.read_ext(code, self._take(length))
        if kind == 'list':
            return [self.read(depth + 1) for _ in range(length)]
        pairs = ((self.read(depth + 1), self.read(depth + 1)) for _ in range(length))
        return {_checked_key(key): value for key, value in pairs}

    def _take(self, count: int) -> memoryview:
        end = self.position + count
        if end > len(self.data):
            raise ValueError(
                f'cut off: {count} bytes wanted at byte {self.position} of {len(self.data)}'
            )
        taken = self.data[self.position : end]
        self.position = end
        return taken


def _checked_key(key: Any) -> Any:
    if not isinstance(key, (str, bytes, int)):
        raise ValueError(f'no msgpack of ours: a {type(key).__name__} as a key')
    return key
