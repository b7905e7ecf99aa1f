"""The head / medium / tail table of a run, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from mmlt.evaluation.class_files import GROUPS
from mmlt.evaluation.run_metrics import tell_num_classes

_COLUMNS = {'mSAP': 'mSAP', 'frame_mAP': 'frame-mAP', 'mAUC': 'mAUC'}


def print_table(metrics: Mapping, console: Console | None = None) -> None:
    """Print the means over all classes, and over head, medium and tail where the run has them.

    '7 of 29' classes: the other 22 have no annotated box, so that the means are over 7.

    Args:
        metrics: The content of ``metrics.json``.
        console: Where to print; None is standard output.
    """
    table = Table(title=f'in percent, {metrics["protocol"]} protocol', title_justify='left')
    table.add_column('classes')
    for title in ('number', *_COLUMNS.values()):
        table.add_column(title, justify='right')
    _add_row(table, 'all', tell_num_classes(metrics), metrics)
    for group in GROUPS:
        means = metrics['groups'].get(group)
        if means and means['num_classes']:
            _add_row(table, group, tell_num_classes(metrics, group), means)
    (console or Console()).print(table)


def _add_row(table: Table, name: str, num_classes: str, means: Mapping) -> None:
    values = (means[key] for key in _COLUMNS)
    cells = ('–' if value is None else f'{100 * value:.1f}' for value in values)
    table.add_row(name, num_classes, *cells)
