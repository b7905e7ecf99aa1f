"""All runs of the table, and the search before them: each with a file of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from mmlt.experiments.parallel_runs import as_json_has_it, run_all
from mmlt.experiments.rate_search import mean_score, search_rates, tell_rates
from mmlt.experiments.three_branch_features.data import Data
from mmlt.experiments.three_branch_features.model import ROWS
from mmlt.experiments.three_branch_features.rows import run_row, train_row
from mmlt.experiments.three_branch_features.worlds import World
from mmlt.fileio.json_files import read_json_object, write_json


class Plan(NamedTuple):
    """What is to be run.

    Attributes:
        shares: Of the object labels that depend on context; the first is that of the main cell, in
            whose worlds the search and the checks are run too.
        num_worlds: Worlds 0, 1, ... of each share.
        num_seeds: Seeds 0, 1, ... of each world.
        num_updates: Of a row.
        plateau_rows: Rows that are run in the first world with twice the updates as well.
        num_plateau_seeds: How many.
        lrs: Learning rates of the search, ascending.
        first_lrs: Those that every row tries; a best one at the edge brings in its neighbour.
        search_seeds: Seeds of the search, in the first world, not those of the table.
        scale: Of the worlds.
    """

    shares: Sequence[float] = (1 / 3, 0.0)
    num_worlds: int = 3
    num_seeds: int = 3
    num_updates: int = 700
    plateau_rows: Sequence[str] = ('roi', 'all')
    num_plateau_seeds: int = 3
    lrs: Sequence[float] = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
    first_lrs: Sequence[float] = (0.003, 0.01, 0.03)
    search_seeds: Sequence[int] = (100,)
    scale: float = 1.0

    def world(self, share: float, seed: int, has_trained_trunk: bool = True) -> World:
        """A world of the design."""
        return World(share, seed, self.scale, has_trained_trunk)

    def worlds(self) -> list[World]:
        """All of them, then those of trunks that are not trained."""
        worlds = [self.world(share, i) for share in self.shares for i in range(self.num_worlds)]
        return worlds + [
            self.world(self.shares[0], i, has_trained_trunk=False) for i in range(self.num_worlds)
        ]


class Run(NamedTuple):
    """Some rows of a world and seed.

    Attributes:
        world: Of the features.
        seed: Of weights, orders and dropout.
        rows: Names in :data:`ROWS`.
        num_updates: Of a row.
    """

    world: World
    seed: int
    rows: tuple[str, ...]
    num_updates: int

    @property
    def file(self) -> str:
        """Name of its results."""
        trunk = '' if self.world.has_trained_trunk else '_untrained'
        return f'{self.world.name}{trunk}_updates{self.num_updates}_seed{self.seed}.json'


def plan_runs(plan: Plan) -> list[Run]:
    """The runs of a plan: those of its cells, then those that check trunk and plateau."""
    runs = []
    for world in plan.worlds():
        rows = tuple(ROWS) if world.has_trained_trunk else ('all',)
        for seed in range(plan.num_seeds):
            runs.append(Run(world, seed, rows, plan.num_updates))
    first = plan.world(plan.shares[0], 0)
    for seed in range(plan.num_plateau_seeds):
        runs.append(Run(first, seed, tuple(plan.plateau_rows), 2 * plan.num_updates))
    return runs


def read_world(work_dir: Path, world: World) -> Data:
    """The features of a world."""
    folder = work_dir / 'worlds' / world.name
    return Data(folder / world.features_file, folder / 'ava')


def do_run(run: Run, lrs: Mapping[str, float], work_dir: Path) -> float:
    """Train and test the rows of a run, write its file.

    Args:
        run: What to run.
        lrs: Row -> learning rate.
        work_dir: Folder of 'worlds' and of 'runs'.

    Returns:
        CPU seconds.

    Raises:
        ValueError: Its file is there, of other settings.
    """
    path = work_dir / 'runs' / run.file
    rates = {row: lrs[row] for row in run.rows}
    asked = as_json_has_it({'lrs': rates, 'world': run.world._asdict()})
    if path.exists():
        if read_json_object(path)['asked'] != asked:
            raise ValueError(f'{path}: was run with other settings; delete it to run it again')
        return 0.0
    started = time.process_time()
    data = read_world(work_dir, run.world)
    rows = {row: run_row(data, row, run.num_updates, rates[row], run.seed) for row in run.rows}
    seconds = round(time.process_time() - started, 1)
    write_json(path, {'asked': asked, 'cpu_seconds': seconds, 'rows': rows}, overwrite=True)
    return seconds


def search_all(
    plan: Plan, work_dir: Path, pool: ProcessPoolExecutor | None = None
) -> dict[str, dict[str, Any]]:
    """Search the learning rate of every row, in the main cell's first world.

    Args:
        plan: The grid, the seeds and the world.
        work_dir: Folder of 'worlds' and of 'search', which gets a file for each training.
        pool: See :func:`mmlt.experiments.parallel_runs.processes`.

    Returns:
        Row -> 'lr', and 'tried': rate -> mean of the best val scores.
    """
    (work_dir / 'search').mkdir(parents=True, exist_ok=True)

    def score_all(pairs: Sequence[tuple[str, float]]) -> list[float]:
        tasks = [(row, lr, seed, plan, work_dir) for row, lr in pairs for seed in plan.search_seeds]
        run_all(tasks, search_once, pool)
        return [
            mean_score([_search_file(work_dir, *pair, seed) for seed in plan.search_seeds])
            for pair in pairs
        ]

    tried = search_rates(list(ROWS), score_all, grid=plan.lrs, first=plan.first_lrs)
    return {row: tell_rates(of_row) for row, of_row in tried.items()}


def search_once(row: str, lr: float, seed: int, plan: Plan, work_dir: Path) -> float:
    """Train a row with a learning rate and write its score on val; CPU seconds."""
    path = _search_file(work_dir, row, lr, seed)
    if path.exists():
        return 0.0
    started = time.process_time()
    data = read_world(work_dir, plan.world(plan.shares[0], 0))
    _, best = train_row(data, row, plan.num_updates, lr, seed)
    seconds = round(time.process_time() - started, 1)
    write_json(path, {'val': best.score, 'cpu_seconds': seconds}, overwrite=True)
    return seconds


def _search_file(work_dir: Path, row: str, lr: float, seed: int) -> Path:
    return work_dir / 'search' / f'{row}_lr{lr:g}_seed{seed}.json'
