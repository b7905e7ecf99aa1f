"""Reading RoI features of boxes, memory-mapped; for the layout see `mmlt.fileio.box_features`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mmlt.fileio.box_features import (
    AGAIN,
    FORMAT,
    INDEX_FILE,
    KEYFRAMES_FILE,
    KINDS,
    ROW_DTYPE,
    load_array,
    shard_name,
)
from mmlt.fileio.extraction_folder import META_FILE
from mmlt.fileio.json_files import read_json_object

_DTYPES = ('float32', 'float16')
_MAX_SIZE = 2**31 - 1
#: Sizes in meta.json and the least that each can be.
_SIZES = {
    'feature_dim': 1,
    'num_classes': 1,
    'num_keyframes': 0,
    'keyframes_per_shard': 1,
    'num_shards': 0,
}


class BoxFeatures(NamedTuple):
    """A finished folder, open for reading. N rows, K keyframes, C label columns, D channels.

    Attributes:
        meta: Content of meta.json.
        keyframes: (K,) structured array, fields video_id and timestamp.
        rows: (N,) of ``ROW_DTYPE``.
        labels: (N, C) uint8.
        shards: Memory-mapped feature tensors, (n_s, D) each, joined N rows.
        starts: (number of shards + 1,) row at which each shard starts, then N.
    """

    meta: dict
    keyframes: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    shards: list
    starts: np.ndarray

    def read(self, rows: np.ndarray) -> torch.Tensor:
        """Features of rows, (n, D) float32, in the order asked for."""
        rows = np.asarray(rows, dtype=np.int64)
        features = torch.empty((len(rows), self.meta['feature_dim']), dtype=torch.float32)
        shard_of = np.searchsorted(self.starts, rows, side='right') - 1
        for shard in np.unique(shard_of):
            places = np.flatnonzero(shard_of == shard)
            local = torch.from_numpy(rows[places] - self.starts[shard])
            features[torch.from_numpy(places)] = self.shards[shard][local].float()
        return features


def open_features(folder: str | Path) -> BoxFeatures:
    """Open a finished folder; features stay on disk until they are read.

    Raises:
        FileNotFoundError: No finished extraction here, or a shard is missing.
        ValueError: A file is truncated, has another shape or type, or contradicts the index; the
            message names the file.
    """
    folder = Path(folder)
    for name in (META_FILE, KEYFRAMES_FILE, INDEX_FILE):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f'{folder / name} does not exist: this is not the folder of one split, or its '
                'extraction was not finished (start tools/features/extract_box_features.py again)'
            )
    meta, index = _read_meta(folder / META_FILE), read_json_object(folder / INDEX_FILE)
    keyframes = load_array(folder / KEYFRAMES_FILE)
    _check_keyframes(folder / KEYFRAMES_FILE, keyframes, meta)
    _check_index(folder / INDEX_FILE, index, meta)
    rows, labels, shards = [], [], []
    for number, shard in enumerate(index['shards']):
        parts = _open_shard(folder, meta, shard, number)
        for kept, part in zip((rows, labels, shards), parts):
            kept.append(part)
    starts = np.cumsum([0, *(len(part) for part in rows)])
    return BoxFeatures(
        meta, keyframes, np.concatenate(rows), np.concatenate(labels), shards, starts
    )


def _read_meta(path: Path) -> dict:
    meta = read_json_object(path)
    if meta.get('format') != FORMAT:
        raise ValueError(f'{path}: format is {meta.get("format")!r:.80}, not {FORMAT!r}')
    for key, minimum in _SIZES.items():
        value = meta.get(key)
        if type(value) is not int or not minimum <= value <= _MAX_SIZE:
            raise ValueError(f'{path}: {key} is {value!r:.80}, not a whole number >= {minimum}')
    if meta.get('dtype') not in _DTYPES:
        raise ValueError(
            f'{path}: dtype is {meta.get("dtype")!r:.80}, none of {", ".join(_DTYPES)}'
        )
    num_shards = -(-meta['num_keyframes'] // meta['keyframes_per_shard'])
    if meta['num_shards'] != num_shards:
        raise ValueError(
            f'{path}: num_shards is {meta["num_shards"]}; {meta["num_keyframes"]} keyframes make '
            f'{num_shards}'
        )
    return meta


def _check_keyframes(path: Path, keyframes: np.ndarray, meta: dict) -> None:
    names, shape = keyframes.dtype.names, (meta['num_keyframes'],)
    kinds = [keyframes.dtype[name].kind for name in names or ()]
    if names != ('video_id', 'timestamp') or kinds != ['U', 'i'] or keyframes.shape != shape:
        raise ValueError(
            f'{path}: shape {keyframes.shape}, dtype {keyframes.dtype}; {META_FILE} says {shape}, '
            f'of video_id and timestamp; {AGAIN}'
        )


def _check_index(path: Path, index: dict, meta: dict) -> None:
    shards = index.get('shards')
    names = [
        shard.get('name')
        if isinstance(shard, dict) and type(shard.get('num_rows')) is int
        else None
        for shard in (shards if isinstance(shards, list) else ())
    ]
    if len(names) != meta['num_shards'] or names != [
        shard_name(number) for number in range(len(names))
    ]:
        raise ValueError(
            f'{path} does not list the {meta["num_shards"]} shards of {META_FILE}; {AGAIN}'
        )


def _open_shard(folder: Path, meta: dict, shard: dict, number: int) -> tuple:
    """Rows, labels and mapped features of one shard, checked against index and meta."""
    inside, num_rows = folder / shard['name'], shard['num_rows']
    rows = load_array(inside / 'rows.npy')
    _check_array(inside / 'rows.npy', rows, (num_rows,), ROW_DTYPE)
    labels = load_array(inside / 'labels.npy')
    _check_array(inside / 'labels.npy', labels, (num_rows, meta['num_classes']), np.dtype('u1'))
    mapped = load_array(inside / 'features.npy', is_mapped=True)
    dtype = np.dtype(meta['dtype'])
    _check_array(inside / 'features.npy', mapped, (num_rows, meta['feature_dim']), dtype)
    _check_values(inside, rows, labels)
    first = number * meta['keyframes_per_shard']
    last = min(first + meta['keyframes_per_shard'], meta['num_keyframes'])
    keyframes = rows['keyframe']
    if len(rows) and (
        keyframes[0] < first or keyframes[-1] >= last or (np.diff(keyframes) < 0).any()
    ):
        raise ValueError(
            f'{inside / "rows.npy"}: keyframes are not those of the shard, {first} to {last - 1} '
            f'in ascending order; {AGAIN}'
        )
    return rows, labels, torch.from_numpy(mapped)


def _check_values(inside: Path, rows: np.ndarray, labels: np.ndarray) -> None:
    """Raise where a row or label holds what no extraction writes."""
    wrong = (rows['kind'] >= len(KINDS)) | (rows['box'] < 0) | ~np.isfinite(rows['score'])
    wrong |= ~np.isfinite(rows['box_xyxy_norm']).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(f'{inside / "rows.npy"}, row {row}: {rows[row].tolist()}; {AGAIN}')
    if (labels > 1).any():
        row, column = np.argwhere(labels > 1)[0].tolist()
        raise ValueError(
            f'{inside / "labels.npy"}, row {row}: {labels[row, column]} for class {column}, not 0 '
            f'or 1; {AGAIN}'
        )


def _check_array(path: Path, array: np.ndarray, shape: tuple, dtype: np.dtype) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f'{path}: shape {array.shape}, dtype {array.dtype}; {META_FILE} and {INDEX_FILE} say '
            f'{shape}, {dtype}; {AGAIN}'
        )
