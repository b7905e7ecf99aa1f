"""The head / medium / tail table of a run, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmlt.evaluation.runs.read import tell_num_classes
from mmlt.evaluation.runs.schema import percent
from mmlt.evaluation.runs.tasks import get_task
from mmlt.evaluation.runs.undetected import tell_undetected
from mmlt.fileio.class_split import GROUPS


def print_table(metrics: Mapping, console: Console | None = None, name: str | None = None) -> None:
    """Print the means over all classes, and over head, medium and tail where the run has them.

    '7 of 29' classes: the other 22 have no annotated box, so that the means are over 7. Where
    classes were never detected, a column shows frame-mAP with these as 0, and a sentence says so.

    Args:
        metrics: The content of ``metrics.json``.
        console: Where to print; None is standard output.
        name: What the run is called; it opens the title.
    """
    task = get_task(metrics)
    columns, once = task.means, [key for key in task.overall if key not in task.means]
    told = [f'{task.overall[key]} {percent(metrics[key])}' for key in once]
    title = ', '.join(['in percent', *told, task.title.format_map(metrics)])
    if metrics.get('undetected_classes'):
        columns |= {zero: f'{columns[key]}, undetected as 0' for key, zero in task.as_zero.items()}
    if name:
        title = f'{escape(name)}: {title}'
    table = Table(title=title, title_justify='left')
    table.add_column('classes')
    for heading in ('number', *columns.values()):
        table.add_column(heading, justify='right')
    _add_row(table, 'all', tell_num_classes(metrics), metrics, columns)
    for group in GROUPS:
        means = metrics['groups'].get(group)
        if means and means['num_classes']:
            _add_row(table, group, tell_num_classes(metrics, group), means, columns)
    console = console or Console()
    console.print(table)
    sentence = tell_undetected(metrics)
    if sentence:
        console.print(sentence, markup=False, highlight=False)


def _add_row(
    table: Table, name: str, num_classes: str, means: Mapping, columns: Mapping[str, str]
) -> None:
    table.add_row(name, num_classes, *(percent(means.get(key)) for key in columns))
