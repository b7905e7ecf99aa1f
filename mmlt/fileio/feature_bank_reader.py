"""Reading a long-term feature bank, memory-mapped; for the layout see `mmlt.fileio.feature_bank`.

Shapes: K keyframes with N persons, D channels; a window of T seconds with P slots each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from mmlt.fileio.extraction_folder import META_FILE
from mmlt.fileio.feature_bank import (
    INDEX_FILE,
    KEYFRAMES_FILE,
    PERSONS_FILE,
    BankTables,
    load_array,
    shard_name,
)
from mmlt.fileio.feature_bank_checks import (
    check_array,
    check_index,
    check_keyframes,
    check_persons,
    read_meta,
)
from mmlt.functional.checks import check_integer


class RandomSource(Protocol):
    """numpy's generators, and its module of the global one: ``random(n)`` gives (n,) in [0, 1)."""

    random: Callable[[int], np.ndarray]


class FeatureBank(NamedTuple):
    """A finished bank, open for reading. Its arrays are maps: their pages are every process's.

    Attributes:
        meta: Content of meta.json.
        keyframes: (K,) structured array, fields video_id, timestamp and first_row.
        persons: (N,) of ``PERSON_DTYPE``.
        shards: Features, (n_s, D) each, joined N rows.
        videos: Video id -> its first keyframe, and the one after its last.
    """

    meta: dict
    keyframes: np.ndarray
    persons: np.ndarray
    shards: list
    videos: dict

    def window(
        self,
        video_id: str,
        timestamp: int,
        *,
        window_sec: int,
        max_persons: int,
        rng: RandomSource | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features of the persons around a second; a slot of nobody is zero.

        Args:
            video_id: A video. Of one that is not in the bank everything is empty.
            timestamp: The second in the middle.
            window_sec: T, odd: the second itself, and as many before as after it.
            max_persons: P, the most persons of a second.
            rng: Draws the persons of a second that has more, without replacement; None takes
                the best-scored ones.

        Returns:
            features (T, P, D) float32 and mask (T, P) bool, True where a slot holds a person.

        Raises:
            ValueError: An even ``window_sec``, or a size below 1.
        """
        check_integer('max_persons', max_persons, 1)
        if check_integer('window_sec', window_sec, 1) % 2 == 0:
            raise ValueError(f'window_sec is {window_sec}: a window around a second is odd')
        features = np.zeros((window_sec * max_persons, self.meta['feature_dim']), np.float32)
        mask = np.zeros(len(features), dtype=bool)
        shape = window_sec, max_persons
        first_second = timestamp - window_sec // 2
        start, stop = self._find(video_id, first_second, window_sec)
        if start == stop:
            return features.reshape(*shape, -1), mask.reshape(shape)
        rows = self._first_rows(start, stop)
        keyframe, place = _number_persons(rows, max_persons, rng)
        slots = (self.keyframes['timestamp'][start:stop] - first_second)[keyframe] * max_persons
        slots += place
        is_kept = place < max_persons
        mask[slots[is_kept]] = True
        size = self.meta['keyframes_per_shard']
        for number in range(start // size, (stop - 1) // size + 1):
            first, last = max(start, number * size), min(stop, (number + 1) * size)
            of_shard = slice(rows[first - start] - rows[0], rows[last - start] - rows[0])
            kept = is_kept[of_shard]
            features[slots[of_shard][kept]] = self._read(number, rows[first - start], kept)
        return features.reshape(*shape, -1), mask.reshape(shape)

    def _find(self, video_id: str, first_second: int, window_sec: int) -> tuple[int, int]:
        """Keyframes of a video in [first_second, first_second + window_sec)."""
        start, stop = self.videos.get(video_id, (0, 0))
        seconds = self.keyframes['timestamp'][start:stop]
        found = np.searchsorted(seconds, (first_second, first_second + window_sec))
        return start + int(found[0]), start + int(found[1])

    def _first_rows(self, start: int, stop: int) -> np.ndarray:
        """First row of each keyframe in [start, stop), and the one after their last."""
        rows = self.keyframes['first_row'][start : stop + 1]
        return rows if stop < len(self.keyframes) else np.append(rows, len(self.persons))

    def _read(self, number: int, row: int, kept: np.ndarray) -> np.ndarray:
        """Those rows of a shard, from the bank's ``row`` on, that are kept."""
        shard = self.shards[number]
        row = row - self.keyframes['first_row'][number * self.meta['keyframes_per_shard']]
        part = shard[row : row + len(kept)]
        return part if kept.all() else part[kept]


def _number_persons(
    rows: np.ndarray, max_persons: int, rng: RandomSource | None
) -> tuple[np.ndarray, np.ndarray]:
    """Keyframe of each person, counted from the first one, and the person's number within it."""
    counts = np.diff(rows)
    keyframe = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(keyframe)) - (rows[:-1] - rows[0])[keyframe]
    if rng is None or counts.max() <= max_persons:
        return keyframe, place
    drawn = np.empty_like(place)
    drawn[np.lexsort((rng.random(len(place)), keyframe))] = place
    return keyframe, drawn


def open_feature_bank(folder: str | Path, feature_dim: int | None = None) -> FeatureBank:
    """Open a finished bank; features stay on disk until they are asked for.

    Args:
        folder: Of one split.
        feature_dim: D, checked if given.

    Raises:
        FileNotFoundError: No finished bank, or a file of it is missing.
        ValueError: A bank of another width; or a file that is cut off, has another shape or type,
            or contradicts another one. Names the file, and says what to do.
    """
    folder = Path(folder)
    for name in (META_FILE, KEYFRAMES_FILE, PERSONS_FILE, INDEX_FILE):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f'{folder / name} does not exist: this is not the folder of one split, or its '
                'bank was not finished (start tools/features/build_feature_bank.py again); our '
                'configs look for it in $FEATURE_BANK'
            )
    meta = read_meta(folder / META_FILE)
    if feature_dim not in (None, meta['feature_dim']):
        raise ValueError(
            f'{folder / META_FILE}: features are {meta["feature_dim"]} wide, not {feature_dim}: '
            'a bank of another detector, or of a model that joins more to its RoI features'
        )
    tables = BankTables(load_array(folder / KEYFRAMES_FILE), load_array(folder / PERSONS_FILE))
    check_keyframes(folder / KEYFRAMES_FILE, tables.keyframes, meta)
    check_persons(folder / PERSONS_FILE, tables, meta)
    num_rows = np.diff(tables.first_rows(meta['keyframes_per_shard'])).tolist()
    check_index(folder / INDEX_FILE, num_rows)
    shards = [_open_shard(folder / shard_name(i), rows, meta) for i, rows in enumerate(num_rows)]
    return FeatureBank(meta, *tables, shards, _find_videos(tables.keyframes))


def _open_shard(path: Path, num_rows: int, meta: dict) -> np.ndarray:
    shard = load_array(path)
    check_array(path, shard, (num_rows, meta['feature_dim']), np.dtype(meta['dtype']))
    return shard


def _find_videos(keyframes: np.ndarray) -> dict[str, tuple[int, int]]:
    names = keyframes['video_id']
    starts = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    stops = np.append(starts[1:], len(names))
    return dict(zip(names[starts].tolist(), zip(starts.tolist(), stops.tolist())))
