"""The learning rate of every row, by the same search on val."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from mmlt.experiments.cofinetune_features.data import Data
from mmlt.experiments.cofinetune_features.rows import ROWS, RowSettings, run_row
from mmlt.experiments.cofinetune_features.runs import Plan
from mmlt.experiments.parallel_runs import run_all
from mmlt.experiments.rate_search import best_rate, mean_score, search_rates, tell_rates
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
        pool: See :func:`mmlt.experiments.parallel_runs.processes`.

    Returns:
        Weight decay as text -> row -> 'lr', and 'tried': rate -> mean of the best val scores.
    """
    folder.mkdir(parents=True, exist_ok=True)
    decays = sorted({cell.weight_decay for cell in plan.cells}, reverse=True)
    tried = _search([('clips_a', decay) for decay in decays], plan, folder, pool, None)
    clips = {decay: best_rate(tried['clips_a', decay]) for decay in decays}
    others = [(row, decay) for decay in decays for row in ROWS if row != 'clips_a']
    tried.update(_search(others, plan, folder, pool, clips))
    return {f'{decay:g}': {row: tell_rates(tried[row, decay]) for row in ROWS} for decay in decays}


def _search(
    keys: Sequence[_Key],
    plan: Plan,
    folder: Path,
    pool: ProcessPoolExecutor | None,
    clips: dict[float, float] | None,
) -> dict[_Key, dict[float, float]]:
    def score_all(pairs: Sequence[tuple[_Key, float]]) -> list[float]:
        tasks = [
            (row, decay, lr, lr if clips is None else clips[decay], seed, plan, folder)
            for (row, decay), lr in pairs
            for seed in plan.search_seeds
        ]
        run_all(tasks, search_once, pool)
        files = [[_file(*key, lr, seed) for seed in plan.search_seeds] for key, lr in pairs]
        return [mean_score([folder / name for name in names]) for names in files]

    return search_rates(keys, score_all, grid=plan.lrs, first=plan.first_lrs)


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
