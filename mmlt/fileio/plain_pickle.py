"""Read a pickle of arrays without the pickle module: nothing in the file is ever called.

A pickle is a program for a small stack machine. The one here knows the instructions of which a dict
of numpy arrays is made, in every protocol of Python 2 and 3, and the names that numpy writes into
it, for which :mod:`._pickled_arrays` stands in; all else is an error. So nothing runs, nothing is
allocated that the file does not hold, and no nesting is followed by recursion.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmlt.fileio._pickle_machine import MARK, Machine
from mmlt.fileio._pickled_arrays import PickledArray

_UINT8, _UINT16, _UINT32, _UINT64 = (struct.Struct(f'<{code}') for code in 'BHIQ')
_INT32, _FLOAT = struct.Struct('<i'), struct.Struct('>d')


def read_pickled_arrays(path: str | os.PathLike) -> Any:
    """Read a pickle of arrays, numbers, text, lists, tuples and dicts with text as keys.

    Returns:
        What the file holds. Arrays are read where they are the whole or the values of a dict that
        is the whole.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is another pickle, or none, is cut off or goes on behind its end; names
            it.
    """
    content = Path(path).read_bytes()
    try:
        value = Machine(content).run(_INSTRUCTIONS)
        if type(value) is dict:
            return {key: _finished(item) for key, item in value.items()}
        return _finished(value)
    except ValueError as error:
        raise ValueError(f'{path}: not a pickle of a plain dict of arrays: {error}') from None


def _finished(value: Any) -> Any:
    return value.finished() if isinstance(value, PickledArray) else value


def _line(machine: Machine) -> str:
    return machine.take_line().decode('latin-1')


def _sized(layout: struct.Struct) -> Callable[[Machine], bytes]:
    return lambda machine: machine.take(machine.take_number(layout))


def _push(read: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda machine: machine.stack.append(read(machine))


def _decode(read: Callable[[Machine], bytes], encoding: str) -> Callable[[Machine], None]:
    return lambda machine: machine.text(read(machine), encoding)


_INSTRUCTIONS: dict[int, Callable[[Machine], None]] = {
    0x80: Machine.start,
    0x95: Machine.start_frame,
    ord('('): lambda m: m.stack.append(MARK),
    # numbers, truth values, None
    ord('N'): _push(lambda m: None),
    0x88: _push(lambda m: True),
    0x89: _push(lambda m: False),
    ord('I'): Machine.integer,
    ord('L'): Machine.long_integer,
    ord('F'): Machine.text_number,
    ord('J'): _push(lambda m: m.take_number(_INT32)),
    ord('K'): Machine.small_integer,
    ord('M'): _push(lambda m: m.take_number(_UINT16)),
    ord('G'): _push(lambda m: m.take_number(_FLOAT)),
    0x8A: _push(lambda m: int.from_bytes(m.take(m.take_byte()), 'little', signed=True)),
    # text and bytes; the text of Python 2 is bytes, which stand in arrays as such
    ord('S'): Machine.quoted,
    ord('T'): _decode(_sized(_UINT32), 'latin-1'),
    ord('U'): _decode(_sized(_UINT8), 'latin-1'),
    ord('V'): _decode(Machine.take_line, 'raw-unicode-escape'),
    ord('X'): _decode(_sized(_UINT32), 'utf-8'),
    0x8C: _decode(_sized(_UINT8), 'utf-8'),
    0x8D: _decode(_sized(_UINT64), 'utf-8'),
    ord('B'): _push(_sized(_UINT32)),
    ord('C'): _push(_sized(_UINT8)),
    0x8E: _push(_sized(_UINT64)),
    0x96: _push(_sized(_UINT64)),
    # containers
    ord(']'): _push(lambda m: []),
    ord('l'): _push(Machine.pop_to_mark),
    ord('a'): lambda m: m.append([m.pop()]),
    ord('e'): lambda m: m.append(m.pop_to_mark()),
    ord('}'): _push(lambda m: {}),
    ord('d'): Machine.make_dict,
    ord('s'): Machine.set_item,
    ord('u'): lambda m: m.set_items(m.pop_to_mark()),
    ord(')'): _push(lambda m: ()),
    ord('t'): lambda m: m.stack.append(tuple(m.pop_to_mark())),
    0x85: lambda m: m.collect(1),
    0x86: lambda m: m.collect(2),
    0x87: lambda m: m.collect(3),
    # values that are kept for later
    ord('p'): lambda m: m.put(m.take_digits()),
    ord('q'): Machine.put_small,
    ord('r'): lambda m: m.put(m.take_number(_UINT32)),
    0x94: Machine.put_next,
    ord('g'): lambda m: m.get(m.take_digits()),
    ord('h'): Machine.get_small,
    ord('j'): lambda m: m.get(m.take_number(_UINT32)),
    # names, and what is made by them
    ord('c'): lambda m: m.name(_line(m), _line(m)),
    0x93: Machine.stack_name,
    ord('R'): Machine.reduce,
    ord('b'): Machine.build,
}
