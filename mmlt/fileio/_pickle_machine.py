"""The stack machine for which a pickle is the program; it calls nothing."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

from mmlt.fileio._pickled_arrays import PickledArray, PickledDType, call, refuse, stand_in

MARK = object()
_DIGITS = re.compile(rb'-?[0-9]{1,30}')
_ESCAPED = rb'\\(?:[\\\'"abfnrtv]|[0-3]?[0-7]{1,2}|x[0-9a-fA-F]{2})'
_QUOTED = re.compile(rb"'(?:[^'\\]|" + _ESCAPED + rb")*'" + rb'|"(?:[^"\\]|' + _ESCAPED + rb')*"')


class Machine:
    """Runs one pickle; each method is an instruction, by the letters of the pickle module."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0
        self.stack: list = []
        self.memo: dict[int, Any] = {}

    def run(self, instructions: Mapping[int, Callable[[Machine], None]]) -> Any:
        """What stands on the stack at the end.

        Args:
            instructions: What each byte does, but for STOP.

        Raises:
            ValueError: an instruction that is not known, or one that finds not what it needs.
        """
        content, size = self.content, len(self.content)
        while True:
            if self.position == size:
                raise ValueError('it is cut off')
            code = content[self.position]
            self.position += 1
            if code == 0x2E:  # STOP
                break
            instruction = instructions.get(code)
            if instruction is None:
                refuse(f'the instruction {bytes([code])!r} at byte {self.position - 1}')
            instruction(self)
        value = self.pop()
        if self.stack or self.position != size:
            refuse('more than one value, or bytes behind its end')
        return value

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.content):
            raise ValueError('it is cut off')
        found = self.content[self.position : end]
        self.position = end
        return found

    def take_byte(self) -> int:
        if self.position == len(self.content):
            raise ValueError('it is cut off')
        self.position += 1
        return self.content[self.position - 1]

    def take_line(self) -> bytes:
        end = self.content.find(b'\n', self.position)
        if end < 0:
            raise ValueError('it is cut off')
        return self.take(end + 1 - self.position)[:-1]

    def take_number(self, layout: struct.Struct) -> Any:
        return layout.unpack(self.take(layout.size))[0]

    def take_digits(self) -> int:
        line = self.take_line()
        if not _DIGITS.fullmatch(line):
            refuse(f'the number {line[:80]!r}')
        return int(line)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is MARK:
            raise ValueError('it takes a value where there is none')
        return self.stack.pop()

    def pop_to_mark(self) -> list:
        for start in range(len(self.stack) - 1, -1, -1):
            if self.stack[start] is MARK:
                found = self.stack[start + 1 :]
                del self.stack[start:]
                return found
        raise ValueError('it goes back to a mark that is not there')

    def top(self, kind: type) -> Any:
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError(f'it fills a {kind.__name__} where there is none')
        return self.stack[-1]

    def put(self, index: int) -> None:
        if not self.stack or self.stack[-1] is MARK:
            raise ValueError('it keeps a value where there is none')
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError('it asks for a value that it has not kept')
        self.stack.append(self.memo[index])

    def small_integer(self) -> None:
        self.stack.append(self.take_byte())

    def put_next(self) -> None:
        self.put(len(self.memo))

    def put_small(self) -> None:
        self.put(self.take_byte())

    def get_small(self) -> None:
        self.get(self.take_byte())

    def start(self) -> None:
        if self.take_byte() > 5:
            refuse('a protocol above 5')

    def start_frame(self) -> None:
        if int.from_bytes(self.take(8), 'little') > len(self.content) - self.position:
            raise ValueError('it is cut off')

    def integer(self) -> None:
        line = self.take_line()  # protocol 0 writes a truth value as the number 00 or 01
        if line in (b'00', b'01'):
            self.stack.append(line == b'01')
        elif _DIGITS.fullmatch(line):
            self.stack.append(int(line))
        else:
            refuse(f'the number {line[:80]!r}')

    def long_integer(self) -> None:
        line = self.take_line()
        if not _DIGITS.fullmatch(line.rstrip(b'L')):
            refuse(f'the number {line[:80]!r}')
        self.stack.append(int(line.rstrip(b'L')))

    def text_number(self) -> None:
        line = self.take_line()
        try:
            self.stack.append(float(line))
        except ValueError:
            refuse(f'the number {line[:80]!r}')

    def quoted(self) -> None:
        line = self.take_line()
        if not _QUOTED.fullmatch(line):
            refuse(f'the text {line[:80]!r}')
        self.stack.append(codecs.escape_decode(line[1:-1])[0].decode('latin-1'))

    def text(self, content: bytes, encoding: str) -> None:
        try:
            self.stack.append(content.decode(encoding))
        except UnicodeDecodeError:
            refuse(f'the text {content[:80]!r}')

    def append(self, items: list) -> None:
        self.top(list).extend(items)

    def set_items(self, items: list) -> None:
        target = self.top(dict)
        if len(items) % 2:
            raise ValueError('it gives a key without a value')
        for key, value in zip(items[::2], items[1::2]):
            if type(key) is not str:
                refuse(f'a key that is no text but {type(key).__name__}')
            if key in target:
                refuse(f'the key {key!r:.80} twice')
            target[key] = value

    def make_dict(self) -> None:
        items = self.pop_to_mark()
        self.stack.append({})
        self.set_items(items)

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def collect(self, size: int) -> None:
        items = tuple(self.stack[-size:])
        if len(items) < size or MARK in items:
            raise ValueError('it takes a value where there is none')
        self.stack[-size:] = [items]

    def name(self, module: Any, name: Any) -> None:
        self.stack.append(stand_in(module, name))

    def stack_name(self) -> None:
        name, module = self.pop(), self.pop()
        self.name(module, name)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        self.stack.append(call(function, arguments))

    def build(self) -> None:
        state = self.pop()
        target = self.stack[-1] if self.stack else None
        if not isinstance(target, (PickledArray, PickledDType)):
            refuse('a state of what is no array')
        target.set_state(state)
