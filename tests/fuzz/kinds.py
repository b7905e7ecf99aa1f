"""What a kind of file is: good ones to mutate, mmlt's reader and the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

#: Where a message says in which line, or in which field, or that the fault is in the whole file.
LINE = r'line \d+|is empty|no video|no class|an empty|no row|not a multiple'
FIELD = rf"{LINE}|classes\[|field \w+|(head|medium|tail)\[|key '|'groups'|'per_class'|left out"
FIELD += r'|nested too deeply|surrogate|not a JSON object'
ANY = ''


class Kind(NamedTuple):
    """One kind of file.

    ``read`` and ``reference`` take the path and give values to compare. Where ``is_exact`` mmlt
    reads what the reference reads and no less; else it may refuse more. ``place`` is what a message
    must say beside the name of the file. ``may_unpickle``: names of the file may be looked up.
    """

    name: str
    file: str
    bases: Sequence[bytes]
    read: Callable[[Path], Any]
    reference: Callable[[Path, bytes], Any]
    is_exact: bool = True
    place: str = LINE
    is_binary: bool = False
    may_unpickle: bool = False
    beside: dict = {}  # other files of the folder: path -> content
    wrap: Callable[[bytes], bytes] = bytes  # what is mutated -> the file


def alone(reference: Callable[[Path], Any]) -> Callable[[Path, bytes], Any]:
    return lambda path, base: reference(path)
