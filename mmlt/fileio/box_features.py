"""Writing RoI features of boxes: shards of a fixed number of keyframes, no pickles.

A folder holds one split, as one detector sees it::

    meta.json            what was extracted from what; written first, compared on resume
    keyframes.npy        (K,) of KEYFRAME: video id and timestamp, in the order of the dataset
    shard_00000/         keyframes [0, S), S = meta['keyframes_per_shard']
        features.npy     (n, D) float32 or float16
        labels.npy       (n, C) uint8, multi-hot; all 0 for a proposed box
        rows.npy         (n,) of ROW_DTYPE
    shard_00001/ ...
    index.json           rows of each shard; written last, so its presence means "finished"

Rows come keyframe by keyframe, within one first its annotated boxes, then its proposed ones, each
in the order of the dataset. A shard is written beside and renamed: it is whole or absent.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.extraction_folder import META_FILE, start_extraction
from mmlt.fileio.json_files import read_json_object, write_json
from mmlt.fileio.npy_files import map_npy, read_npy

FORMAT = 'mmlt box features, version 1'
INDEX_FILE, KEYFRAMES_FILE = 'index.json', 'keyframes.npy'
KINDS = ('annotated', 'proposal')  # a row's `kind` is the position in here
ROW_DTYPE = np.dtype(
    [
        ('keyframe', '<i4'),
        ('box', '<i4'),  # position among the keyframe's boxes of its kind
        ('kind', 'u1'),
        ('score', '<f4'),  # of the person detector; 1 for an annotated box
        ('box_xyxy_norm', '<f4', (4,)),
    ]
)
AGAIN = (
    'delete its shard and run tools/features/extract_box_features.py again, which makes what is '
    'missing'
)


def make_keyframe_table(keyframes: Sequence[tuple[str, int]]) -> np.ndarray:
    """The (K,) structured array of keyframes.npy from (video id, timestamp) pairs."""
    longest = max(len(video_id) for video_id, _ in keyframes)
    dtype = [('video_id', f'<U{longest}'), ('timestamp', '<i4')]
    return np.array([(video_id, timestamp) for video_id, timestamp in keyframes], dtype=dtype)


def convert_features(features: np.ndarray, dtype: str, index: int) -> np.ndarray:
    """Features of keyframe number ``index`` in the type that is stored.

    Raises:
        ValueError: One is not finite in it; names the keyframe.
    """
    with np.errstate(over='ignore'):
        features = features.astype(dtype)
    if not np.isfinite(features).all():
        raise ValueError(f'keyframe {index}: a feature is not finite as {dtype}')
    return features


def keyframe_rows(
    index: int, gt_labels: np.ndarray, scores: np.ndarray, boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and rows of one keyframe: annotated boxes, then proposals."""
    counts = [len(gt_labels), len(scores)]
    if sum(counts) != len(boxes):
        raise ValueError(f'keyframe {index}: {len(boxes)} boxes came out of {sum(counts)}')
    labels = np.zeros((len(boxes), gt_labels.shape[1]), dtype=np.uint8)
    labels[: counts[0]] = gt_labels
    rows = np.zeros(len(boxes), dtype=ROW_DTYPE)
    rows['keyframe'] = index
    rows['box'] = np.concatenate([np.arange(count) for count in counts])
    rows['kind'] = np.repeat(np.arange(len(KINDS)), counts)
    rows['score'] = np.concatenate([np.ones(counts[0]), scores])
    rows['box_xyxy_norm'] = boxes
    return labels, rows


def shard_batches(shards: Sequence[int], num_keyframes: int, size: int, batch_size: int) -> list:
    """Indices of each batch; a batch lies within one shard, so any rank makes the same one."""
    batches = []
    for shard in shards:
        last = min((shard + 1) * size, num_keyframes)
        starts = range(shard * size, last, batch_size)
        batches += [list(range(start, min(start + batch_size, last))) for start in starts]
    return batches


def shard_name(number: int) -> str:
    """Name of a shard's folder."""
    return f'shard_{number:05d}'


def start_folder(
    folder: str | Path, meta: Mapping[str, Any], keyframes: np.ndarray, *, overwrite: bool = False
) -> None:
    """Begin an extraction, or make sure that the one begun here is the same.

    Args:
        folder: The folder of one split.
        meta: What meta.json is to hold.
        keyframes: The keyframe table.
        overwrite: Whether features of something else may be removed.

    Raises:
        FileExistsError: The folder holds features of another detector, configuration or data set
            (the differing entry is named), or other files.
    """
    folder = Path(folder)

    def other_keyframes() -> str | None:
        file = folder / KEYFRAMES_FILE
        if not file.exists() or np.array_equal(load_array(file), keyframes):
            return None
        return f'holds features of other keyframes ({KEYFRAMES_FILE})'

    start_extraction(
        folder,
        {'format': FORMAT, **meta},
        contents=folder.glob('[!.]*'),  # a killed run leaves .*.tmp
        clear=lambda: shutil.rmtree(folder),
        find_difference=other_keyframes,
        overwrite=overwrite,
    )
    if not (folder / KEYFRAMES_FILE).exists():
        with (
            atomic_write(folder / KEYFRAMES_FILE, overwrite=True) as file,
            open(file, 'wb') as stream,
        ):
            np.save(stream, keyframes, allow_pickle=False)


def missing_shards(folder: str | Path, num_shards: int) -> list[int]:
    """Numbers of the shards that are still to be extracted."""
    return [
        number for number in range(num_shards) if not (Path(folder) / shard_name(number)).exists()
    ]


def write_shard(
    folder: str | Path, number: int, features: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> None:
    """Write one shard, whole or not at all."""
    target = Path(folder) / shard_name(number)
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    temporary.mkdir()
    for name, array in (('features', features), ('labels', labels), ('rows', rows)):
        np.save(temporary / f'{name}.npy', array, allow_pickle=False)
    os.rename(temporary, target)


def finish_folder(folder: str | Path) -> dict:
    """Check that every shard is there and write index.json; returns its content."""
    folder = Path(folder)
    meta = read_json_object(folder / META_FILE)
    missing = missing_shards(folder, meta['num_shards'])
    if missing:
        raise ValueError(f'{folder / shard_name(missing[0])} is missing; {AGAIN}')
    shards = []
    for number in range(meta['num_shards']):
        name = shard_name(number)
        rows = load_array(folder / name / 'rows.npy')
        counts = np.bincount(rows['kind'], minlength=len(KINDS)).tolist()
        shards.append({'name': name, 'num_rows': len(rows), **dict(zip(KINDS, counts))})
    index = {'num_rows': sum(shard['num_rows'] for shard in shards), 'shards': shards}
    for temporary in folder.glob('.*.tmp'):  # of processes that were killed
        shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink()
    write_json(folder / INDEX_FILE, index, overwrite=True)
    return index


def is_finished(folder: str | Path) -> bool:
    """Whether an extraction was finished here and no shard was removed since."""
    folder = Path(folder)
    if not (folder / INDEX_FILE).exists():
        return False
    return not missing_shards(folder, read_json_object(folder / META_FILE)['num_shards'])


def load_array(path: Path, *, is_mapped: bool = False) -> np.ndarray:
    """Read (or map) an array; an error says how to make the file again."""
    try:
        return map_npy(path, keeps_open=False) if is_mapped else read_npy(path)  # AVA: 800 shards
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} is missing; {AGAIN}') from None
    except ValueError as error:
        raise ValueError(f'{error}; {AGAIN}') from None
