"""Proposals read as far as they go: all boxes beside each other, and what is wrong with others."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mmlt.fileio.dataset_checks.finding import Finding, find
from mmlt.fileio.plain_pickle import read_pickled_arrays
from mmlt.fileio.proposals import MARGIN

_KEY = re.compile(r'(.*),\s*([0-9]{1,9})', re.DOTALL)
_FAR = 2.0  # no rounding, nor padding, takes a corner there: pixels


class LooseProposals(NamedTuple):
    """The usable boxes of a proposal file.

    Attributes:
        path: The file.
        videos: (k,) str, of each keyframe.
        seconds: (k,) int64.
        boxes: (m, 4) float64 x1 y1 x2 y2 as written.
        scores: (m,) float64; 1 where there are none.
        frames: (m,) ascending, the keyframe of each box.
        in_pixels: Whether boxes are far outside of the frame.
        findings: What is wrong with the rest.
    """

    path: str
    videos: np.ndarray
    seconds: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    frames: np.ndarray
    in_pixels: bool
    findings: tuple[Finding, ...]


def read_loose_proposals(path: str | os.PathLike) -> LooseProposals:
    """Read a proposal file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a plain dict of arrays; says how to write one.
    """
    content = read_pickled_arrays(path)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: not a dict of arrays but {type(content).__name__}')
    return loose_proposals(content, path)


def loose_proposals(content: Mapping[str, np.ndarray], path: object) -> LooseProposals:
    """The same of a dict that was read."""
    faults: dict[str, list] = defaultdict(list)
    videos, seconds, arrays = [], [], []
    for key, value in content.items():
        match = _KEY.fullmatch(key)
        if match is None or not _is_array_of_boxes(value):
            faults['proposal_keys'].append((None, f'{key!r:.80}'))
        elif len(value):
            videos.append(match[1])
            seconds.append(int(match[2]))
            arrays.append(
                value if value.shape[1] == 5 else np.pad(value, [(0, 0), (0, 1)], constant_values=1)
            )
    rows = np.concatenate(arrays).astype(np.float64, copy=False) if arrays else np.empty((0, 5))
    frames = np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])

    def place(row: int) -> tuple[None, str]:
        frame = frames[row]
        values = ', '.join(f'{value:g}' for value in rows[row].tolist())
        return None, f"'{videos[frame]},{seconds[frame]:04d}': [{values}]"

    usable, in_pixels = _usable(rows, faults, place)
    findings = tuple(find(kind, path, places) for kind, places in faults.items())
    return LooseProposals(
        str(path),
        np.array(videos, dtype=str),
        np.array(seconds, dtype=np.int64),
        rows[usable, :4],
        rows[usable, 4],
        frames[usable],
        in_pixels,
        findings,
    )


def _is_array_of_boxes(value: object) -> bool:
    is_numeric = isinstance(value, np.ndarray) and value.dtype.kind in 'fiu'
    return is_numeric and value.ndim == 2 and value.shape[1] in (4, 5)


def _usable(rows: np.ndarray, faults: dict, place) -> tuple[np.ndarray, bool]:
    """Which rows are boxes; notes the others, and boxes in pixels."""
    corners = rows[:, :4]
    with np.errstate(invalid='ignore'):
        usable = np.isfinite(rows).all(axis=1)
        usable &= (corners[:, :2] <= corners[:, 2:]).all(axis=1)
        in_pixels = usable & (corners > _FAR).any(axis=1)
        outside = ((corners < -MARGIN) | (corners > 1 + MARGIN)).any(axis=1)
    if in_pixels.any():
        faults['proposal_pixels'] += [place(row) for row in np.flatnonzero(in_pixels).tolist()]
    else:
        usable &= ~outside
    faulty = np.flatnonzero(~usable).tolist()
    if faulty:
        faults['proposal_boxes'] += [place(row) for row in faulty]
    return usable, bool(in_pixels.any())
