"""The results of the runs as one object, and the tables that are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.experiments.cofinetune_features.data import MEASURES
from mmlt.experiments.cofinetune_features.rows import ROWS
from mmlt.experiments.cofinetune_features.runs import Plan, Run, plan_runs
from mmlt.experiments.commands import ROOT
from mmlt.experiments.contrasts import cell_table, contrast_table, paired_gain, row_table
from mmlt.experiments.markdown import markdown_table
from mmlt.fileio.json_files import read_json_object

CONTRASTS = ROOT / 'configs' / 'cofinetune' / 'contrasts.json'
_DIGITS = 5


def collect(plan: Plan, folder: Path, rates: Mapping[str, Any]) -> dict[str, Any]:
    """Read the files of all runs.

    Args:
        plan: Of the runs.
        folder: Of the files.
        rates: Of the search; see ``search_all``.

    Returns:
        'settings', 'learning_rates', 'cells' (name -> row -> measure -> (W, S) fractions),
        'plateau' (the same of the rows with twice the updates), 'per_class' (of the main cell: row
        -> measure -> (C,) means over its runs) and 'cpu_minutes'.
    """
    files = {run: read_json_object(folder / run.file) for run in plan_runs(plan)}
    main = plan.cells[0]
    cells = {
        cell.name: _rows(
            [
                [files[run] for run in files if _is_of(run, cell, world, plan.num_updates)]
                for world in range(plan.num_worlds)
            ]
        )
        for cell in plan.cells
    }
    longer = [files[run] for run in files if run.num_updates == 2 * plan.num_updates]
    of_main = [
        files[run] for run in files if run.cell == main and run.num_updates == plan.num_updates
    ]
    return {
        'settings': settings_of(plan),
        'learning_rates': dict(rates),
        'cells': cells,
        'plateau': _rows([longer]),
        'per_class': _per_class(of_main),
        'cpu_minutes': round(sum(each['cpu_seconds'] for each in files.values()) / 60, 1),
    }


def _is_of(run: Run, cell: object, world: int, num_updates: int) -> bool:
    return (run.cell, run.world, run.num_updates) == (cell, world, num_updates)


def settings_of(plan: Plan) -> dict[str, Any]:
    """What the results say of how they were made."""
    return {
        'num_updates': plan.num_updates,
        'num_worlds': plan.num_worlds,
        'num_seeds': {cell.name: cell.num_seeds for cell in plan.cells},
        'num_plateau_seeds': plan.num_plateau_seeds,
        'search_seeds': list(plan.search_seeds),
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
        if of_row['per_class']
    }


def make_tables(results: Mapping[str, Any]) -> str:
    """The rows and the contrasts of the main cell, the other cells, the plateau, as Markdown."""
    (main, rows), *others = results['cells'].items()
    seeds, worlds = results['settings']['num_seeds'], results['settings']['num_worlds']
    names = read_json_object(CONTRASTS)['rows']
    labels = {'untrained_trunk': 'AVA, a trunk that was never trained', **names}
    parts = [
        f'{main}, {worlds} worlds x {_seeds(seeds[main])}:',
        contrast_table(CONTRASTS, 'features', rows),
        row_table(rows, {row: labels[row] for row in labels if row in rows}, MEASURES),
    ]
    if others:
        few = next(seeds[name] for name, _ in others)
        parts += [
            f'The other cells, {worlds} worlds x {_seeds(few)}:',
            cell_table(CONTRASTS, 'features', dict(others)),
        ]
    if results['plateau']:
        number = results['settings']['num_plateau_seeds']
        parts += [
            f'Twice the updates, first world, {_seeds(number)}:',
            _plateau_table(results, rows, number),
        ]
    parts += ['Learning rates, by the search on val:', _rate_table(results['learning_rates'])]
    return '\n\n'.join(parts)


def _seeds(number: int) -> str:
    return f'{number} seeds' if number > 1 else '1 seed'


def _plateau_table(results: Mapping[str, Any], rows: Mapping, number: int) -> str:
    lines = []
    for row, measures in results['plateau'].items():
        for measure in ('AP all', 'AP tail', 'SAP all', 'SAP tail', 'top1 A'):
            if measure in measures:
                before = [rows[row][measure][0][:number]]
                lines.append((f'`{row}`', measure, str(paired_gain(measures[measure], before))))
    return markdown_table(('row', 'measure', 'gain of twice the updates'), lines)


def _rate_table(rates: Mapping[str, Mapping]) -> str:
    lines = [
        (f'`{row}`', *(f'{of_decay[row]["lr"]:g}' for of_decay in rates.values())) for row in ROWS
    ]
    return markdown_table(('row', *(f'weight decay {decay}' for decay in rates)), lines)
