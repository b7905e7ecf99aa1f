"""The learning rate of every row, by the same search on val."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from mmlt.experiments.cofinetune_features.data import Data
from mmlt.experiments.cofinetune_features.rows import ROWS, RowSettings, run_row
from mmlt.experiments.cofinetune_features.runs import Plan, run_all
from mmlt.fileio.json_files import read_json_object, write_json

_Key = tuple  # (row, weight decay)


def search_all(
    plan: Plan, folder: Path, pool: ProcessPoolExecutor | None = None
) -> dict[str, dict[str, dict]]:
    """Search the rows of each weight decay, in the main cell's first world.

    The stages before the last of any row have the rate of 'clips_a', which is found first.

    Args:
        plan: The grid, the seeds and the world.
        folder: Of the files, one a training.
        pool: See :func:`mmlt.experiments.cofinetune_features.runs.processes`.

    Returns:
        Weight decay as text -> row -> 'lr', and 'tried': rate -> mean of the best val scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    decays = sorted({cell.weight_decay for cell in plan.cells}, reverse=True)
    tried = _search([('clips_a', decay) for decay in decays], plan, folder, pool, None)
    clips = {decay: _best(tried['clips_a', decay]) for decay in decays}
    others = [(row, decay) for decay in decays for row in ROWS if row != 'clips_a']
    tried.update(_search(others, plan, folder, pool, clips))
    return {
        f'{decay:g}': {
            row: {
                'lr': _best(tried[row, decay]),
                'tried': {f'{lr:g}': score for lr, score in sorted(tried[row, decay].items())},
            }
            for row in ROWS
        }
        for decay in decays
    }


def _search(
    keys: Sequence[_Key],
    plan: Plan,
    folder: Path,
    pool: ProcessPoolExecutor | None,
    clips: dict[float, float] | None,
) -> dict[_Key, dict[float, float]]:
    """(row, weight decay) -> learning rate -> mean score; no best one is at the edge of them."""
    tried: dict[_Key, dict[float, float]] = {key: {} for key in keys}
    waiting = {key: list(plan.first_lrs) for key in keys}
    while waiting:
        tasks = [
            (row, decay, lr, lr if clips is None else clips[decay], seed, plan, folder)
            for (row, decay), lrs in waiting.items()
            for lr in lrs
            for seed in plan.search_seeds
        ]
        run_all(tasks, search_once, pool)
        for (row, decay), lrs in waiting.items():
            for lr in lrs:
                files = [folder / _file(row, decay, lr, seed) for seed in plan.search_seeds]
                scores = [read_json_object(path)['val'] for path in files]
                tried[row, decay][lr] = float(np.mean(scores))
        new = {key: _untried_neighbours(tried[key], plan.lrs) for key in waiting}
        waiting = {key: lrs for key, lrs in new.items() if lrs}
    return tried


def _best(tried: dict[float, float]) -> float:
    return max(tried, key=tried.__getitem__)


def _untried_neighbours(tried: dict[float, float], lrs: Sequence[float]) -> list[float]:
    """Of the best rate: what is above and below it in the grid."""
    place = lrs.index(_best(tried))
    return [lr for lr in lrs[max(place - 1, 0) : place + 2] if lr not in tried]


def _file(row: str, decay: float, lr: float, seed: int) -> str:
    return f'{row}_decay{decay:g}_lr{lr:g}_seed{seed}.json'


def search_once(
    row: str,
    weight_decay: float,
    lr: float,
    pretraining_lr: float,
    seed: int,
    plan: Plan,
    folder: Path,
) -> float:
    """Train a row with a learning rate and write its score on val.

    Args:
        row: Name in :data:`ROWS`.
        weight_decay: Of SGD.
        lr: Of the last stage.
        pretraining_lr: Of the stages before.
        seed: Of training samples, weights and orders.
        plan: For the world and the number of updates.
        folder: Of the files.

    Returns:
        CPU seconds.

    Raises:
        ValueError: Its file is there, of another rate of the stages before.
    """
    path = folder / _file(row, weight_decay, lr, seed)
    if path.exists():
        if read_json_object(path)['pretraining_lr'] != pretraining_lr:
            raise ValueError(f'{path}: was run with another pretraining_lr; delete it')
        return 0.0
    started = time.process_time()
    data = Data(0, seed, plan.config._replace(shared=plan.cells[0].shared))
    how = RowSettings(plan.num_updates, lr, pretraining_lr, weight_decay, seed)
    score = run_row(data, row, how)[row]['val']
    write_json(path, {'pretraining_lr': pretraining_lr, 'val': score}, overwrite=True)
    return time.process_time() - started
