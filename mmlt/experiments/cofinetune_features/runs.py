"""All runs of the table: which there are, each with a file of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmlt.datasets.toy_world.box_factors import FactorConfig
from mmlt.experiments.cofinetune_features.data import Data
from mmlt.experiments.cofinetune_features.rows import ROWS, RowSettings, run_row
from mmlt.experiments.parallel_runs import as_json_has_it
from mmlt.fileio.json_files import read_json_object, write_json


class Cell(NamedTuple):
    """A combination of the factors of the design.

    Attributes:
        shared: Share of the tail's own factors that the clips show.
        weight_decay: Of SGD.
        num_seeds: A world.
    """

    shared: float
    weight_decay: float
    num_seeds: int

    @property
    def name(self) -> str:
        """As results and tables call it."""
        share = {0.0: 'none', 0.5: 'half', 1.0: 'all'}.get(self.shared, f'{self.shared:g}')
        return f'{share} shared, weight decay {self.weight_decay:g}'


class Plan(NamedTuple):
    """What is to be run.

    Attributes:
        cells: Of the design; the first is the main one, in which the checks are run too.
        num_worlds: Worlds 0, 1, ...; seeds of a cell are 0, 1, ... of each.
        num_updates: Of a row, all stages together.
        plateau_rows: Rows that are run in the first world with twice the updates as well.
        num_plateau_seeds: How many.
        lrs: Learning rates of the search, ascending.
        first_lrs: Those that every row tries; a best one at the edge brings in its neighbour.
        search_seeds: Seeds of the search, in the first world, not those of the table.
        config: Of the worlds, but for ``shared``.
    """

    cells: Sequence[Cell] = (
        Cell(0.5, 1e-4, 10),
        Cell(0.5, 0.0, 1),
        Cell(0.0, 1e-4, 1),
        Cell(0.0, 0.0, 1),
        Cell(1.0, 1e-4, 1),
        Cell(1.0, 0.0, 1),
    )
    num_worlds: int = 3
    num_updates: int = 2880
    plateau_rows: Sequence[str] = ('a_then_ava', 'a_with_ava')
    num_plateau_seeds: int = 3
    lrs: Sequence[float] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    first_lrs: Sequence[float] = (0.03, 0.1, 0.3)
    search_seeds: Sequence[int] = (100,)
    config: FactorConfig = FactorConfig()


class Run(NamedTuple):
    """All rows of a cell, world and seed.

    Attributes:
        cell: Of the design.
        world: Seed of the world.
        seed: Of training samples, weights and orders.
        rows: Names in :data:`ROWS`.
        num_updates: Of a row.
    """

    cell: Cell
    world: int
    seed: int
    rows: tuple[str, ...]
    num_updates: int

    @property
    def file(self) -> str:
        """Name of its results."""
        cell = f'shared{self.cell.shared:g}_decay{self.cell.weight_decay:g}'
        return f'{cell}_updates{self.num_updates}_world{self.world}_seed{self.seed}.json'


def plan_runs(plan: Plan) -> list[Run]:
    """The runs of a plan: those of its cells, then those that check the plateau."""
    main = plan.cells[0]
    runs = []
    for cell in plan.cells:  # the untrained trunk is a check of the world, not of the design
        rows = tuple(row for row in ROWS if cell is main or row != 'untrained_trunk')
        for world in range(plan.num_worlds):
            for seed in range(cell.num_seeds):
                runs.append(Run(cell, world, seed, rows, plan.num_updates))
    for seed in range(plan.num_plateau_seeds):
        runs.append(Run(main, 0, seed, tuple(plan.plateau_rows), 2 * plan.num_updates))
    return runs


def do_run(run: Run, plan: Plan, lrs: dict[str, float], folder: Path) -> float:
    """Train and test the rows of a run, write its file.

    Args:
        run: What to run.
        plan: For the world.
        lrs: Row -> learning rate of its last stage; stages before have that of 'clips_a'.
        folder: Of the files.

    Returns:
        CPU seconds.

    Raises:
        ValueError: Its file is there, of other settings.
    """
    path = folder / run.file
    asked = {
        'lrs': {row: lrs[row] for row in run.rows},
        'pretraining_lr': lrs['clips_a'],
        'config': plan.config._replace(shared=run.cell.shared)._asdict(),
    }
    if path.exists():
        if read_json_object(path)['asked'] != as_json_has_it(asked):
            raise ValueError(f'{path}: was run with other settings; delete it to run it again')
        return 0.0
    started = time.process_time()
    data = Data(run.world, run.seed, plan.config._replace(shared=run.cell.shared))
    rows = {}
    for row in run.rows:
        decay = run.cell.weight_decay
        how = RowSettings(run.num_updates, lrs[row], lrs['clips_a'], decay, run.seed)
        rows.update(run_row(data, row, how))
    seconds = round(time.process_time() - started, 1)
    content = {'asked': as_json_has_it(asked), 'cpu_seconds': seconds, 'rows': rows}
    write_json(path, content, overwrite=True)
    return seconds
