"""A learning rate for every row, by the same search on val."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mmlt.fileio.json_files import read_json_object

Key = TypeVar('Key', bound=Hashable)


def search_rates(
    keys: Sequence[Key],
    score_all: Callable[[list[tuple[Key, float]]], Sequence[float]],
    *,
    grid: Sequence[float],
    first: Sequence[float],
) -> dict[Key, dict[float, float]]:
    """Try rates for each key until none has its best one at the edge of those tried.

    Args:
        keys: What is searched for, such as rows.
        score_all: Gives a score, higher is better, for each of some keys and rates.
        grid: All rates, ascending.
        first: Those of it that every key tries; a best one at the edge brings in its neighbour.

    Returns:
        Key -> rate -> score.
    """
    tried: dict[Key, dict[float, float]] = {key: {} for key in keys}
    waiting = {key: list(first) for key in keys}
    while waiting:
        pairs = [(key, lr) for key, lrs in waiting.items() for lr in lrs]
        for (key, lr), score in zip(pairs, score_all(pairs)):
            tried[key][lr] = score
        new = {key: _untried_neighbours(tried[key], grid) for key in waiting}
        waiting = {key: lrs for key, lrs in new.items() if lrs}
    return tried


def best_rate(tried: dict[float, float]) -> float:
    """The rate of the highest score, the first of equal ones."""
    return max(tried, key=tried.__getitem__)


def tell_rates(tried: dict[float, float]) -> dict[str, Any]:
    """What a file says of a search: 'lr', the best, and 'tried', rate -> score."""
    told = {f'{lr:g}': score for lr, score in sorted(tried.items())}
    return {'lr': best_rate(tried), 'tried': told}


def mean_score(files: Sequence[Path]) -> float:
    """Of a rate's trainings, each of which has written its score as 'val'."""
    return float(np.mean([read_json_object(path)['val'] for path in files]))


def _untried_neighbours(tried: dict[float, float], grid: Sequence[float]) -> list[float]:
    """Of the best rate: what is above and below it in the grid."""
    place = grid.index(best_rate(tried))
    return [lr for lr in grid[max(place - 1, 0) : place + 2] if lr not in tried]
