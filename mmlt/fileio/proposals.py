"""Person boxes of keyframes: the proposal file, read without trusting it, and written."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.plain_pickle import read_pickled_arrays
from mmlt.functional.detection.fields import name_fault

#: How far outside the frame a corner may be, in fractions of the frame: a detector's rounding.
MARGIN = 0.05
_FAR = 2  # no rounding, nor padding, takes a corner there: pixels
_SECONDS = re.compile(r'[0-9]{1,9}')


def read_proposals(path: str | Path) -> dict[str, np.ndarray]:
    """Read a proposal file: a pickled dict of keyframe ``'video,0902'`` -> boxes.

    Args:
        path: The file. Its keys may be padded with zeros or not: 'video,902' is the same keyframe.

    Returns:
        The dict, its keys as mmaction2 asks for them, ``'%s,%04d'``; each value is (n, 4) or
        (n, 5), ``x1 y1 x2 y2 [score]`` in fractions of the frame. Corners up to ``MARGIN`` outside
        of the frame, which mmaction2 would stop at in the middle of an epoch, are moved to its
        edge. Keyframes with n = 0 are left out.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a plain dict of arrays (an OrderedDict is none, nor is a numpy
            text a plain key: the error says how to write them), two keys are one keyframe, or an
            array has another shape, a value that is not finite, or a box with x1 > x2, y1 > y2 or
            corners farther outside. Names file and key.
    """
    content = read_pickled_arrays(path)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: not a dict of arrays but {type(content).__name__}')
    keys: dict[str, str] = {}
    proposals: dict[str, np.ndarray] = {}
    for written, value in content.items():
        where = f'{path}: {written!r:.200}'
        key = _keyframe(where, written)
        if keys.setdefault(key, written) != written:
            raise ValueError(f'{where}: the same keyframe as {keys[key]!r}')
        _check_shape(where, value)
        if len(value):
            proposals[key] = value
    if proposals:
        _check_boxes(path, proposals, keys)
    return proposals


def write_proposals(
    path: str | Path, proposals: Mapping[str, np.ndarray], *, overwrite: bool = False
) -> None:
    """Write a proposal file, whole or not at all; equal boxes give equal bytes.

    Args:
        path: The file.
        proposals: Keyframe ``'%s,%04d'`` -> (n, 5) boxes, see :func:`read_proposals`.
        overwrite: Whether an existing file may be replaced.

    Raises:
        FileExistsError: ``path`` exists and ``overwrite`` is false.
    """
    # Into arrays made here: a pickle's bytes tell an array from another process (a dtype object of
    # its own) from one of here.
    content = {}
    for key, boxes in proposals.items():
        content[str(key)] = np.empty(np.shape(boxes))
        content[str(key)][...] = boxes
    with atomic_write(path, overwrite=overwrite) as temporary, open(temporary, 'wb') as file:
        pickle.dump(content, file, protocol=4)


def _keyframe(where: str, key: str) -> str:
    """The key as mmaction2 writes it."""
    video_id, _, seconds = key.rpartition(',')
    if not _SECONDS.fullmatch(seconds) or name_fault(video_id):
        raise ValueError(f"{where}: a key must be a string such as 'video,0902'")
    return f'{video_id},{int(seconds):04d}'


def _check_shape(where: str, value: Any) -> None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in 'fiu':
        kind = f'dtype {value.dtype}' if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f'{where}: not an array of numbers but {kind}')
    if value.ndim != 2 or value.shape[1] not in (4, 5):
        raise ValueError(f'{where}: shape {value.shape}, expected (n, 4) or (n, 5)')


def _with_score(boxes: np.ndarray) -> np.ndarray:
    return boxes if boxes.shape[1] == 5 else np.pad(boxes, [(0, 0), (0, 1)])


def _check_boxes(path: str | Path, proposals: dict[str, np.ndarray], keys: dict[str, str]) -> None:
    """Check all boxes at once, and move corners that are a little outside to the edge."""
    rows = np.concatenate([_with_score(boxes) for boxes in proposals.values()])
    corners = rows[:, :4]
    with np.errstate(invalid='ignore'):
        right = np.isfinite(rows).all(axis=1)
        right &= (corners[:, :2] <= corners[:, 2:]).all(axis=1)
        right &= ((corners >= -MARGIN) & (corners <= 1 + MARGIN)).all(axis=1)
    starts = np.cumsum([0, *(len(boxes) for boxes in proposals.values())])
    if not right.all():
        wrong = int(right.argmin())
        frame = int(np.searchsorted(starts, wrong, side='right')) - 1
        key, boxes = list(proposals.items())[frame]
        row = boxes[wrong - starts[frame]].tolist()
        why = 'in fractions of the frame'
        if np.isfinite(row).all() and max(row[:4]) > _FAR:
            why += '; is this one in pixels?'
        raise ValueError(
            f'{path}: {keys[key]!r}, row {wrong - starts[frame]}: {row}: a box needs finite '
            f'numbers with x1 <= x2 and y1 <= y2, {why}'
        )
    outside = ((corners < 0) | (corners > 1)).any(axis=1)
    frames = np.searchsorted(starts, np.flatnonzero(outside), side='right') - 1
    names = list(proposals)
    for frame in np.unique(frames).tolist():
        boxes = proposals[names[frame]]
        np.clip(boxes[:, :4], 0, 1, out=boxes[:, :4])
