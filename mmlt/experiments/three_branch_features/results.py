"""The results of the runs as one object, and the tables that are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.experiments.commands import ROOT
from mmlt.experiments.contrasts import cell_table, contrast_table, paired_gain, row_table
from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.three_branch_features.model import ROWS
from mmlt.experiments.three_branch_features.rows import MEASURES, OPTIMIZER
from mmlt.experiments.three_branch_features.runs import Plan, Run, plan_runs
from mmlt.experiments.three_branch_features.worlds import SETTINGS
from mmlt.fileio.json_files import read_json_object

CONTRASTS = ROOT / 'configs' / 'three_branch' / 'contrasts.json'
UNTRAINED = 'untrained_trunk'
_DIGITS = 5


def collect(plan: Plan, work_dir: Path, rates: Mapping[str, Any]) -> dict[str, Any]:
    """Read the files of all runs.

    Args:
        plan: Of the runs.
        work_dir: Folder of 'runs' and 'search'.
        rates: Of the search; see ``search_all``.

    Returns:
        'settings', 'learning_rates', 'cells' (name -> row -> measure -> (W, S) fractions),
        'plateau' (the same of the rows with twice the updates), 'per_class' (of the main cell: row
        -> measure -> (C,) means over its runs) and 'cpu_minutes', of search and runs.
    """
    files = {run: read_json_object(work_dir / 'runs' / run.file) for run in plan_runs(plan)}
    main = plan.shares[0]
    cells = {}
    for share in plan.shares:
        worlds = [plan.world(share, seed) for seed in range(plan.num_worlds)]
        of_worlds = [_of_world(files, plan, world) for world in worlds]
        cells[worlds[0].cell] = _rows(of_worlds)
        if share == main:
            untrained = [
                _of_world(files, plan, world._replace(has_trained_trunk=False)) for world in worlds
            ]
            cells[worlds[0].cell][UNTRAINED] = _rows(untrained)['all']
    longer = [files[run] for run in files if run.num_updates == 2 * plan.num_updates]
    of_main = [files[run] for run in files if _is_main(run, plan)]
    seconds = sum(each['cpu_seconds'] for each in files.values())
    searches = (work_dir / 'search').glob('*.json')
    seconds += sum(read_json_object(path)['cpu_seconds'] for path in searches)
    return {
        'settings': settings_of(plan),
        'learning_rates': dict(rates),
        'cells': cells,
        'plateau': _rows([longer]),
        'per_class': _per_class(of_main),
        'cpu_minutes': round(seconds / 60, 1),
    }


def _of_world(files: Mapping[Run, Mapping], plan: Plan, world: object) -> list[Mapping]:
    """Its files, seed by seed."""
    return [
        files[run] for run in files if (run.world, run.num_updates) == (world, plan.num_updates)
    ]


def _is_main(run: Run, plan: Plan) -> bool:
    world = run.world
    is_of_cell = world.share == plan.shares[0] and world.has_trained_trunk
    return is_of_cell and run.num_updates == plan.num_updates


def settings_of(plan: Plan) -> dict[str, Any]:
    """What the results say of how they were made."""
    return {
        'num_updates': plan.num_updates,
        'num_worlds': plan.num_worlds,
        'num_seeds': plan.num_seeds,
        'num_plateau_seeds': plan.num_plateau_seeds,
        'search_seeds': list(plan.search_seeds),
        'optimizer': dict(OPTIMIZER),
        'world': dict(SETTINGS),
    }


def _rows(worlds: Sequence[Sequence[Mapping]]) -> dict[str, dict[str, list]]:
    """Row -> measure -> (W, S), of the files of each world."""
    first = worlds[0][0]['rows']
    return {
        row: {
            measure: [
                [round(each['rows'][row]['means'][measure], _DIGITS) for each in files]
                for files in worlds
            ]
            for measure in MEASURES
            if measure in first[row]['means']
        }
        for row in first
    }


def _per_class(files: Sequence[Mapping]) -> dict[str, dict[str, list[float]]]:
    """Means over the files."""
    return {
        row: {
            measure: np.mean([each['rows'][row]['per_class'][measure] for each in files], axis=0)
            .round(_DIGITS)
            .tolist()
            for measure in of_row['per_class']
        }
        for row, of_row in files[0]['rows'].items()
    }


def make_tables(results: Mapping[str, Any]) -> str:
    """The contrasts and the rows of the main cell, the other cell, the plateau, as Markdown."""
    (main, rows), *others = results['cells'].items()
    worlds, seeds = results['settings']['num_worlds'], results['settings']['num_seeds']
    runs = f'{worlds} worlds x {seeds} seeds'
    names = read_json_object(CONTRASTS)['rows']
    labels = {**names, UNTRAINED: 'all, behind a trunk that was never trained'}
    labels = {row: label for row, label in labels.items() if row in rows}
    number = results['settings']['num_plateau_seeds']
    return '\n\n'.join(
        [
            f'Where {main}, {runs}:',
            contrast_table(CONTRASTS, 'features', rows),
            row_table(rows, labels, MEASURES),
            f'The same contrasts in the other worlds, {runs}:',
            cell_table(CONTRASTS, 'features', dict(others)),
            f'Twice the updates, first world, {number} seeds:',
            _plateau_table(results, rows, number),
            'Learning rates, by the search on val:',
            _rate_table(results['learning_rates']),
        ]
    )


def _plateau_table(results: Mapping[str, Any], rows: Mapping, number: int) -> str:
    lines = []
    for row, measures in results['plateau'].items():
        for measure in ('AP all', 'AP tail', 'AP objects', 'AP context', 'SAP all', 'SAP tail'):
            before = [rows[row][measure][0][:number]]
            lines.append((f'`{row}`', measure, str(paired_gain(measures[measure], before))))
    return markdown_table(('row', 'measure', 'gain of twice the updates'), lines)


def _rate_table(rates: Mapping[str, Mapping]) -> str:
    lines = [(f'`{row}`', f'{rates[row]["lr"]:g}') for row in ROWS]
    return markdown_table(('row', 'learning rate'), lines)
