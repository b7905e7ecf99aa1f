"""What the files of a feature bank must hold, see `mmlt.fileio.feature_bank`.

Each error is a ValueError that names the file and says what to do.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mmlt.fileio.extraction_folder import META_FILE
from mmlt.fileio.feature_bank import (
    AGAIN,
    FORMAT,
    KEYFRAMES_FILE,
    PERSON_DTYPE,
    BankTables,
    shard_name,
)
from mmlt.fileio.json_files import read_json_object

_DTYPES = ('float32', 'float16')
_SIZES = ('feature_dim', 'num_keyframes', 'keyframes_per_shard', 'num_shards', 'num_persons')
_MAX_SIZE = 2**31 - 1
_SHA256 = re.compile('[0-9a-f]{64}')


def read_meta(path: Path) -> dict:
    """The content of meta.json, its format and sizes checked."""
    meta = read_json_object(path)
    if meta.get('format') != FORMAT:
        raise ValueError(f'{path}: format is {meta.get("format")!r:.80}, not {FORMAT!r}')
    for key in _SIZES:
        value = meta.get(key)
        if type(value) is not int or not 1 <= value <= _MAX_SIZE:
            raise ValueError(f'{path}: {key} is {value!r:.80}, not a whole number >= 1')
    if meta.get('dtype') not in _DTYPES:
        raise ValueError(
            f'{path}: dtype is {meta.get("dtype")!r:.80}, none of {", ".join(_DTYPES)}'
        )
    checkpoint = meta.get('checkpoint_sha256')
    if not isinstance(checkpoint, str) or not _SHA256.fullmatch(checkpoint):
        raise ValueError(f'{path}: checkpoint_sha256 is {checkpoint!r:.80}, not 64 hex digits')
    num_shards = -(-meta['num_keyframes'] // meta['keyframes_per_shard'])
    if meta['num_shards'] != num_shards:
        raise ValueError(
            f'{path}: num_shards is {meta["num_shards"]}; {meta["num_keyframes"]} keyframes make '
            f'{num_shards}'
        )
    return meta


def check_keyframes(path: Path, keyframes: np.ndarray, meta: dict) -> None:
    """Refuse keyframes that do not ascend, or another table."""
    names, shape = keyframes.dtype.names or (), (meta['num_keyframes'],)
    types = [keyframes.dtype[name].str for name in names]
    is_right = names == ('video_id', 'timestamp', 'first_row') and types[1:] == ['<i4', '<i8']
    if not is_right or not types[0].startswith('<U') or keyframes.shape != shape:
        raise ValueError(
            f'{path}: shape {keyframes.shape}, dtype {keyframes.dtype}; {META_FILE} says {shape}, '
            f'of video_id, timestamp and first_row; {AGAIN}'
        )
    videos, seconds, rows = (keyframes[name] for name in names)
    is_same = videos[1:] == videos[:-1]
    wrong = (videos[1:] < videos[:-1]) | (is_same & (seconds[1:] <= seconds[:-1]))
    wrong |= (rows[1:] <= rows[:-1]) | (rows[1:] >= meta['num_persons'])
    wrong = np.append(rows[0] != 0, wrong)
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(
            f'{path}, keyframe {place}: {keyframes[place].tolist()}: keyframes and their first '
            f'rows, from 0 to num_persons={meta["num_persons"]}, must ascend; {AGAIN}'
        )


def check_persons(path: Path, tables: BankTables, meta: dict) -> None:
    """Refuse persons that do not stand the best-scored first, or another table."""
    persons = tables.persons
    check_array(path, persons, (meta['num_persons'],), PERSON_DTYPE)
    is_first = np.zeros(len(persons), dtype=bool)
    is_first[tables.keyframes['first_row']] = True
    scores = persons['score']
    wrong = (scores[1:] > scores[:-1]) & ~is_first[1:]
    if wrong.any():
        row = int(wrong.argmax()) + 1
        raise ValueError(
            f'{path}, row {row}: score {scores[row]} after {scores[row - 1]}: the best-scored '
            f'person of a keyframe must come first; {AGAIN}'
        )


def check_index(path: Path, num_rows: list[int]) -> None:
    """Refuse an index that does not fit the rows of the shards."""
    expected = [{'name': shard_name(i), 'num_rows': rows} for i, rows in enumerate(num_rows)]
    if read_json_object(path).get('shards') != expected:
        raise ValueError(
            f'{path} does not list the {len(num_rows)} shards of {META_FILE} with the rows of '
            f'{KEYFRAMES_FILE}; {AGAIN}'
        )


def check_array(path: Path, array: np.ndarray, shape: tuple, dtype: np.dtype) -> None:
    """Refuse an array of another shape or type."""
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f'{path}: shape {array.shape}, dtype {array.dtype}; {META_FILE} and {KEYFRAMES_FILE} '
            f'say {shape}, {dtype}; {AGAIN}'
        )
