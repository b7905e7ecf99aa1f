"""What happens to files: bytes flip, transfers break off, editors and spreadsheets help."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable

BYTE_ORDER_MARK = b'\xef\xbb\xbf'
#: What stands in a number's place, or anywhere.
TOKENS = [
    *(b'nan NaN inf -inf Infinity 1e400 -1e400 1e-400 0x10 0x1012 -0x5 1_0 +1 -1 -0 00 0 .5 5. 1e5'
      b' 902.0 9.02e2 0902 1.5 2147483647 2147483648 4294967296 1e30 1d5 1f True true null None')
    .split(),
    b'9' * 30,
    b'1' * 5000,
    b'0.' + b'3' * 40,
    '\uff11\uff12'.encode(),  # full-width digits
    '\u0663'.encode(),  # an Arabic digit
    b'\x00',
    b'\x0b',
    b'\x1c',
    '\x85'.encode(),
    '\xa0'.encode(),
    '\u2028'.encode(),
    '\u3000'.encode(),
    BYTE_ORDER_MARK,
    b'\xff',
    b'\xe9',
    b'"',
    b'""',
    b"'",
    b'\\',
    b'\\n',
    b'\\ud800',
    b'\r',
    b'\n',
    b'\r\n',
    b'\n\n',
    b',',
    b';',
    b':',
    b' ',
    b'\t',
    b'#',
    b'{',
    b'}',
    b'(',
    b')',
    b'[' * 3000,
    b'..',
    b'../',
]  # fmt: skip
_INTEGERS = [0, 1, 255, 2**16 - 1, 2**28, 2**31 - 1, 2**31, 2**32 - 1]
_NUMBER = re.compile(rb'[0-9]+(?:\.[0-9]+)?')


def mutate(rng: random.Random, content: bytes, *, binary: bool) -> bytes:
    """A copy with one to three mutations."""
    choices = _BINARY if binary else _TEXT
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(choices)(rng, content)
    return content


def _place(rng: random.Random, content: bytes) -> int:
    return rng.randrange(len(content) + 1)


def _span(rng: random.Random, content: bytes) -> tuple[int, int]:
    start = _place(rng, content)
    return start, min(len(content), start + rng.choice((1, 2, 3, 8, 40)))


def _flip(rng, content):
    if not content:
        return content
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def _replace_byte(rng, content):
    place = _place(rng, content)
    return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]


def _flip_early(rng, content):
    """Where headers are."""
    return _flip(rng, content[:128]) + content[128:]


def _flip_late(rng, content):
    """Where the tables of archives are."""
    return content[:-400] + _flip(rng, content[-400:])


def _cut(rng, content):
    return content[: _place(rng, content)]


def _cut_front(rng, content):
    return content[_place(rng, content) :]


def _double(rng, content):
    return content + content


def _empty(rng, content):
    return b''


def _delete_span(rng, content):
    start, end = _span(rng, content)
    return content[:start] + content[end:]


def _repeat_span(rng, content):
    start, end = _span(rng, content)
    return content[:end] + content[start:end] + content[end:]


def _insert_token(rng, content):
    place = _place(rng, content)
    return content[:place] + rng.choice(TOKENS) + content[place:]


def _replace_number(rng, content):
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    number = rng.choice(found)
    return content[: number.start()] + rng.choice(TOKENS) + content[number.end() :]


def _beside_number(rng, content):
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    number = rng.choice(found)
    place = rng.choice((number.start(), number.end()))
    return content[:place] + rng.choice(TOKENS) + content[place:]


def _quote_field(rng, content):
    fields = list(re.finditer(rb'[^,\s]+', content))
    if not fields:
        return content
    field = rng.choice(fields)
    return content[: field.start()] + b'"' + field[0] + b'"' + content[field.end() :]


def _full_width(rng, content):
    found = list(re.finditer(rb'[0-9]', content))
    if not found:
        return content
    digit = rng.choice(found)
    wide = chr(0xFF10 + int(digit[0])).encode()
    return content[: digit.start()] + wide + content[digit.end() :]


def _of_lines(change: Callable[[random.Random, list[bytes]], object]):
    def mutation(rng, content):
        lines = content.splitlines(keepends=True)
        if len(lines) > 1:
            change(rng, lines)
        return b''.join(lines)

    return mutation


def _swap_lines(rng, lines):
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]


def _join_lines(rng, lines):
    i = rng.randrange(len(lines))
    lines[i] = lines[i].rstrip(b'\r\n')


def _repeat_line(rng, lines):
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))


def _drop_line(rng, lines):
    lines.pop(rng.randrange(len(lines)))


def _other_line_ends(rng, content):
    return content.replace(b'\n', rng.choice((b'\r', b'\r\n', b'\n\n', b' \n', b'\n\r')))


def _mark(rng, content):
    return BYTE_ORDER_MARK + content


def _other_encoding(rng, content):
    return content.decode('utf-8', 'replace').encode(rng.choice(('utf-16', 'utf-16-le', 'utf-32')))


def _replace_integer(rng, content):
    """A length or an index that lies."""
    layout = rng.choice(('<H', '<I', '<Q', '>I'))
    value = rng.choice(_INTEGERS) % 256 ** struct.calcsize(layout)
    place = _place(rng, content)
    return content[:place] + struct.pack(layout, value) + content[place + struct.calcsize(layout) :]


_ANY = [_flip, _replace_byte, _cut, _double, _empty, _delete_span, _repeat_span, _insert_token]
_TEXT = [
    *_ANY,
    *[_replace_number, _beside_number] * 3,
    *[_quote_field, _full_width, _other_line_ends, _mark, _other_encoding, _cut_front],
    *[_of_lines(c) for c in (_swap_lines, _join_lines, _repeat_line, _drop_line)],
]
_BINARY = [*_ANY, *[_flip, _flip_early, _flip_late, _replace_byte, _replace_integer] * 2]
_BINARY += [_replace_number, _cut_front]
