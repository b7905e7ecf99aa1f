"""How numbers, seconds, class ids and names are written, one grammar for every text file.

A number is what ``float`` reads, in ASCII digits: no hexadecimal, no ``1_0``, no digits of other
scripts, no ``inf`` and no ``nan``. A time is a number that is whole (904, 0904, 904.0), a class id
has digits alone. Blanks and tabs may surround them.
"""

from __future__ import annotations

import math
import re

INT32_MAX = 2**31 - 1
NOT_A_NUMBER = 'it must be a number'

_NUMBER = re.compile(r'[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*')
_DIGITS = re.compile(r'[ \t]*-?[0-9]+[ \t]*')
_SURROGATE = re.compile('[\ud800-\udfff]')
_CONTROL = re.compile('[\x00-\x1f\x7f-\x9f\ufeff]')  # the last is a byte-order mark


def parse_number(text: str) -> float:
    """A finite number, or a ValueError that says what it must be."""
    if not _NUMBER.fullmatch(text):
        try:
            is_infinite = not math.isfinite(float(text))
        except ValueError:
            is_infinite = False
        raise ValueError('it must be finite' if is_infinite else NOT_A_NUMBER)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError('it must be finite')
    return value


def parse_seconds(text: str) -> int:
    """A whole number of 32 bits, or a ValueError that says what it must be."""
    value = parse_number(text)
    if not value.is_integer() or abs(value) > INT32_MAX:
        raise ValueError('it must be a whole number of at most 32 bits')
    return int(value)


def parse_class_id(text: str) -> int:
    """A whole number of 32 bits in digits alone, or a ValueError that says what it must be."""
    value = parse_seconds(text)
    if not _DIGITS.fullmatch(text):
        raise ValueError('it must be written as a whole number, without a point')
    return value


def name_fault(name: str) -> str | None:
    """Why a name, such as that of a video, cannot be one; None if it can."""
    if not name:
        return 'it must not be empty'
    if _SURROGATE.search(name):
        return 'it must be UTF-8 text'
    control = _CONTROL.search(name)
    if control:
        return f'it must not hold the control character {control[0]!r}'
    return None
