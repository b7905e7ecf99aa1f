"""Reads a JSON file of ours back, and says which key has a wrong value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmlt.fileio.class_split import GROUPS
from mmlt.fileio.json_files import read_json_object


def read_versioned(file: str | Path, newest: int) -> dict:
    """Read a JSON object that says, in ``format_version``, which format it is of.

    Args:
        file: The file. One without ``format_version`` is older than that key, and is read.
        newest: The newest format that can be read.

    Returns:
        The object without ``format_version``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of a newer format, or no strict JSON, see
            :func:`mmlt.fileio.json_files.read_json_object`.
    """
    content = read_json_object(file)
    if 'format_version' not in content:
        return content
    version = content.pop('format_version')
    check_value(version, 'count', f"{file}: key 'format_version'")
    if version > newest:
        raise ValueError(
            f"{file}: key 'format_version' must be at most {newest}, the newest that this version "
            f'of mmlt reads, got {version}: update mmlt, or evaluate again with this version'
        )
    return content


def check_keys(values: Mapping, kinds: Mapping[str, str], where: str) -> None:
    """Check that each key is there and its value of the right kind.

    Args:
        values: The object.
        kinds: 'text', 'texts' (a list), 'integer', 'count', 'fraction', 'number', 'ratio' (a
            number, 'inf' or '-inf'), 'group' or 'object' of each key; with ' or null' behind where
            null is fine.
        where: File and place, for the message.

    Raises:
        ValueError: A key is missing or its value wrong.
    """
    for key, kind in kinds.items():
        if key not in values:
            raise ValueError(f'{where}: key {key!r} is missing')
        if kind == 'object':
            check_object(values[key], f'{where}: key {key!r}')
        else:
            check_value(values[key], kind, f'{where}: key {key!r}')


def check_object(value, where: str) -> None:
    """Check that a value is a JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f'{where} must be an object, got {value!r:.80}')


def check_value(value, kind: str, where: str) -> None:
    """Check one value; see :func:`check_keys`."""
    base, _, optional = kind.partition(' or ')
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    right = {
        'text': isinstance(value, str),
        'texts': isinstance(value, list) and all(isinstance(each, str) for each in value),
        'integer': is_number and isinstance(value, int),
        'count': is_number and isinstance(value, int) and value >= 0,
        'fraction': is_number and -1e-9 <= value <= 1 + 1e-9,  # a mean may round past 1
        'number': is_number,
        'ratio': is_number or value in ('inf', '-inf'),
        'group': isinstance(value, str) and value in GROUPS,
    }[base]
    if not right and not (optional and value is None):
        meaning = {
            'fraction': 'fraction in [0, 1]',
            'group': f'one of {", ".join(GROUPS)}',
            'ratio': "number, 'inf' or '-inf'",
            'texts': 'a list of texts',
        }
        raise ValueError(
            f'{where} must be {meaning.get(base, base)}{" or null" if optional else ""}, '
            f'got {value!r:.80}'
        )
