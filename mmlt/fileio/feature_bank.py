"""Writing a long-term feature bank: one feature vector for each person of each second.

A folder holds one split, as one detector sees it. K keyframes with N persons, D channels::

    meta.json            what was extracted from what; written first, compared on resume
    keyframes.npy        (K,) video_id, timestamp, first_row (its first person), ascending
    persons.npy          (N,) of PERSON_DTYPE: keyframe by keyframe, the best-scored first
    shard_00000.npy      (n, D) float32 or float16: features of the persons of keyframes [0, S),
    shard_00001.npy ...  S = meta['keyframes_per_shard']
    index.json           rows of each shard; written last, so its presence means "finished"

Keyframes and persons come from a detector's proposals alone: no annotation, nor which seconds are
annotated, is in here. A keyframe without a person is left out. All but the features is known before
the first of them is extracted, so a shard is one file: written beside and renamed, whole or absent.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.extraction_folder import start_extraction
from mmlt.fileio.json_files import write_json
from mmlt.fileio.npy_files import map_npy

FORMAT = 'mmlt feature bank, version 1'
INDEX_FILE, KEYFRAMES_FILE, PERSONS_FILE = 'index.json', 'keyframes.npy', 'persons.npy'
PERSON_DTYPE = np.dtype([('score', '<f4'), ('box_xyxy_norm', '<f4', (4,))])
AGAIN = (
    'delete it and run the command that made the bank again (tools/features/build_feature_bank.py '
    'or tools/convert/feature_bank.py), which makes what is missing'
)


class BankTables(NamedTuple):
    """Who is in a bank, K keyframes and N persons; see the module.

    Attributes:
        keyframes: (K,) structured array, fields video_id, timestamp and first_row.
        persons: (N,) of ``PERSON_DTYPE``.
    """

    keyframes: np.ndarray
    persons: np.ndarray

    def first_rows(self, size: int) -> np.ndarray:
        """First row of every shard of ``size`` keyframes, and N after the last."""
        return np.append(self.keyframes['first_row'][::size], len(self.persons))


def make_tables(
    keyframes: Sequence[tuple[str, int]],
    scores: Sequence[np.ndarray],
    boxes_xyxy_norm: Sequence[np.ndarray],
) -> BankTables:
    """The tables of a bank.

    Args:
        keyframes: K pairs (video id, timestamp), in ascending order, each with a person.
        scores: Of each keyframe (n,), the best first; NaN where they are not known.
        boxes_xyxy_norm: Of each keyframe (n, 4).

    Raises:
        ValueError: No keyframe, one without a person, or another order.
    """
    if not keyframes:
        raise ValueError('a bank without a keyframe: nobody is in it')
    for before, after in zip(keyframes, keyframes[1:]):
        if not before < after:
            raise ValueError(f'keyframe {after} stands after {before}: not in ascending order')
    counts = [len(of_keyframe) for of_keyframe in scores]
    if not all(counts):
        raise ValueError(f'keyframe {keyframes[counts.index(0)]} has no person')
    longest = max(len(video_id) for video_id, _ in keyframes)
    fields = [('video_id', f'<U{longest}'), ('timestamp', '<i4'), ('first_row', '<i8')]
    first_rows = np.cumsum([0, *counts[:-1]]).tolist()
    rows = [(video, second, row) for (video, second), row in zip(keyframes, first_rows)]
    persons = np.zeros(sum(counts), dtype=PERSON_DTYPE)
    persons['score'] = np.concatenate(scores)
    persons['box_xyxy_norm'] = np.concatenate(boxes_xyxy_norm)
    return BankTables(np.array(rows, dtype=fields), persons)


def shard_name(number: int) -> str:
    """Name of a shard's file."""
    return f'shard_{number:05d}.npy'


def plan_bank(sources: Mapping[str, Any], tables: BankTables) -> dict:
    """The content of meta.json: format, sources and sizes.

    Args:
        sources: checkpoint_sha256, config_sha256, proposals_sha256, score_thr, dtype, feature_dim
            and keyframes_per_shard.
        tables: Who is in it.
    """
    num_keyframes = len(tables.keyframes)
    return {
        'format': FORMAT,
        **sources,
        'num_keyframes': num_keyframes,
        'num_shards': -(-num_keyframes // sources['keyframes_per_shard']),
        'num_persons': len(tables.persons),
    }


def start_bank(
    folder: str | Path, meta: Mapping[str, Any], tables: BankTables, *, overwrite: bool = False
) -> None:
    """Begin a bank, or make sure that the one begun here is the same.

    Args:
        folder: The folder of one split.
        meta: See :func:`plan_bank`.
        tables: Who is in it.
        overwrite: Whether a bank of something else may be removed.

    Raises:
        FileExistsError: The folder holds another bank (the differing entry is named) or other
            files.
    """
    folder = Path(folder)
    arrays = {KEYFRAMES_FILE: tables.keyframes, PERSONS_FILE: tables.persons}

    def other_tables() -> str | None:
        for name, array in arrays.items():
            if (folder / name).exists() and not _is_same(folder / name, array):
                return f'holds features of other keyframes or persons ({name})'
        return None

    start_extraction(
        folder,
        meta,
        contents=folder.glob('[!.]*'),  # a killed run leaves .*.tmp
        clear=lambda: shutil.rmtree(folder),
        find_difference=other_tables,
        overwrite=overwrite,
    )
    for name, array in arrays.items():
        if not (folder / name).exists():
            _write_npy(folder / name, array)


def _is_same(path: Path, array: np.ndarray) -> bool:
    found = load_array(path)
    return found.dtype == array.dtype and found.tobytes() == array.tobytes()  # NaN is NaN


def _write_npy(path: Path, array: np.ndarray) -> None:
    with atomic_write(path, overwrite=True) as file, open(file, 'wb') as stream:
        np.save(stream, array, allow_pickle=False)


def missing_shards(folder: str | Path, meta: Mapping[str, Any], tables: BankTables) -> list[int]:
    """Numbers of the shards that are still to be made: absent, cut off, or of another shape."""
    first_rows = tables.first_rows(meta['keyframes_per_shard'])

    def is_whole(number: int) -> bool:
        try:
            found = map_npy(Path(folder) / shard_name(number))
        except (FileNotFoundError, ValueError):
            return False
        num_rows = first_rows[number + 1] - first_rows[number]
        return found.shape == (num_rows, meta['feature_dim']) and found.dtype == meta['dtype']

    return [number for number in range(meta['num_shards']) if not is_whole(number)]


def write_shard(folder: str | Path, number: int, features: np.ndarray) -> None:
    """Write one shard, whole or not at all."""
    _write_npy(Path(folder) / shard_name(number), features)


def is_finished(folder: str | Path, meta: Mapping[str, Any], tables: BankTables) -> bool:
    """Whether a bank was finished here and all of its shards are still whole."""
    return (Path(folder) / INDEX_FILE).exists() and not missing_shards(folder, meta, tables)


def finish_bank(folder: str | Path, meta: Mapping[str, Any], tables: BankTables) -> None:
    """Check that every shard is there and write index.json.

    Raises:
        ValueError: One is missing or not whole.
    """
    folder = Path(folder)
    missing = missing_shards(folder, meta, tables)
    if missing:
        raise ValueError(f'{folder / shard_name(missing[0])} is missing or not whole; {AGAIN}')
    num_rows = np.diff(tables.first_rows(meta['keyframes_per_shard'])).tolist()
    shards = [{'name': shard_name(i), 'num_rows': rows} for i, rows in enumerate(num_rows)]
    for temporary in folder.glob('.*.tmp'):  # of processes that were killed
        temporary.unlink()
    write_json(folder / INDEX_FILE, {'num_rows': sum(num_rows), 'shards': shards}, overwrite=True)


def load_array(path: Path) -> np.ndarray:
    """Map an array; an error says how to make the file again."""
    try:
        return map_npy(path, keeps_open=False)  # a process may hold a bank of a thousand shards
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} is missing; {AGAIN}') from None
    except ValueError as error:
        raise ValueError(f'{error}; {AGAIN}') from None
