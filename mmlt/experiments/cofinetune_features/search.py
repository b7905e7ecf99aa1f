"""The learning rate of every row, by the same search on val."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from mmlt.experiments.cofinetune_features.data import Data
from mmlt.experiments.cofinetune_features.rows import ROWS, RowSettings, run_row
from mmlt.experiments.cofinetune_features.runs import Plan, run_all
from mmlt.fileio.json_files import read_json_object, write_json


def search_all(plan: Plan, folder: Path, num_workers: int) -> dict[str, dict]:
    """Search the rows of each weight decay, in the main cell's world.

    The stages before the last of any row have the rate of 'clips_a', which is found first.

    Returns:
        Weight decay as text -> row -> 'lr', and 'tried': rate -> mean of the best val scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    decays = sorted({cell.weight_decay for cell in plan.cells}, reverse=True)
    first = [('clips_a', decay, plan, None, folder) for decay in decays]
    run_all(first, search_row, num_workers)
    found = {f'{decay:g}': {} for decay in decays}
    clips = {decay: read_json_object(folder / _file('clips_a', decay))['lr'] for decay in decays}
    others = [
        (row, decay, plan, clips[decay], folder)
        for decay in decays
        for row in ROWS
        if row != 'clips_a'
    ]
    run_all(others, search_row, num_workers)
    for decay in decays:
        for row in ROWS:
            found[f'{decay:g}'][row] = read_json_object(folder / _file(row, decay))
    return found


def _file(row: str, decay: float) -> str:
    return f'{row}_decay{decay:g}.json'


def search_row(
    row: str, weight_decay: float, plan: Plan, pretraining_lr: float | None, folder: Path
) -> float:
    """Search the learning rate of a row's last stage and write it.

    Args:
        row: Name in :data:`ROWS`.
        weight_decay: Of SGD.
        plan: The grid, the seeds and the world.
        pretraining_lr: Of the stages before; None: there are none.
        folder: Of the files.

    Returns:
        CPU seconds.
    """
    path = folder / _file(row, weight_decay)
    if path.exists():
        return 0.0
    started = time.process_time()
    config = plan.config._replace(shared=plan.cells[0].shared)
    all_data = {seed: Data(0, seed, config) for seed in plan.search_seeds}
    tried: dict[float, float] = {}
    lr = 0.0
    waiting = list(plan.first_lrs)
    while waiting:
        for lr in waiting:
            scores = []
            for seed, data in all_data.items():
                before = pretraining_lr or lr
                how = RowSettings(plan.num_updates, lr, before, weight_decay, seed)
                scores.append(run_row(data, row, how)[row]['val'])
            tried[lr] = float(np.mean(scores))
        lr = max(tried, key=tried.__getitem__)
        place = plan.lrs.index(lr)
        around = plan.lrs[max(place - 1, 0) : place + 2]
        waiting = [each for each in around if each not in tried]
    content = {'lr': lr, 'tried': {f'{each:g}': tried[each] for each in sorted(tried)}}
    write_json(path, content, overwrite=True)
    return time.process_time() - started
