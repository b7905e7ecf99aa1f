"""JSON files: read strictly, where what two readers could take for two things is an error."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from mmlt.fileio.atomic_write import atomic_write
from mmlt.functional.detection.text_files import line_number, read_text

_INT64 = range(-(2**63), 2**63)


class _NotStrictError(ValueError):
    """A token that Python's reader takes and JSON, or a number in the machine, does not."""

    def __init__(self, token: str, why: str) -> None:
        super().__init__(f'{token:.80} {why}')
        self.token = token


def read_json_object(path: str | os.PathLike) -> dict:
    """Read the object in a JSON file, UTF-8, with or without a byte-order mark.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else: no JSON, ``NaN`` and ``Infinity``, a number that no 64 bits hold
            (``1e400``), a key given twice in one object, half of a surrogate pair, nesting without
            end. Names the file, and the line or the key.
    """
    text = read_text(path)
    try:
        content = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_in_range,
            object_pairs_hook=_without_repetition,
        )
        if '\\u' in text:
            json.dumps(content, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        line = line_number(text, error.pos)
        raise ValueError(f'{path}, line {line}: not JSON: {error.msg}') from None
    except _NotStrictError as error:
        raise ValueError(f'{path}, line {_line_of(text, error.token)}: {error}') from None
    except UnicodeEncodeError:
        raise ValueError(f'{path}: a string in it holds half of a surrogate pair') from None
    except RecursionError:
        raise ValueError(f'{path}: not JSON that can be read: nested too deeply') from None
    if not isinstance(content, dict):
        raise ValueError(f'{path}: not a JSON object but {type(content).__name__}')
    return content


def to_json(content: Mapping) -> str:
    """The text of a JSON file.

    Raises:
        ValueError: A number in it is not finite.
    """
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + '\n'


def write_json(path: str | Path, content: Mapping, *, overwrite: bool = False) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        FileExistsError: The file exists and ``overwrite`` is false.
        ValueError: A number in ``content`` is not finite.
    """
    text = to_json(content)
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding='utf-8')


def _refuse_constant(text: str) -> NoReturn:
    raise _NotStrictError(text, 'is not JSON (an undefined value is written as null)')


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotStrictError(text, 'is more than a number can hold')
    return value


def _in_range(text: str) -> int:
    if len(text) > 20 or int(text) not in _INT64:
        raise _NotStrictError(text, 'is more than 64 bits hold')
    return int(text)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _NotStrictError(json.dumps(twice), 'stands twice as a key of one object')
    return content


def _line_of(text: str, token: str) -> int:
    """Line of the first such token; of a key, which may be written in many ways, if it is found."""
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[^\s"\[\]{},:]+', text):
        if found[0] == token:
            return line_number(text, found.start())
    return 1
