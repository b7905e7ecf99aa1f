"""The classes to look at first: the worst ten, and the largest losses and gains of a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmlt.evaluation.report.figures import shorten_names
from mmlt.evaluation.report.html import escape, run_name, scrolled, section, table, tag
from mmlt.evaluation.report.summary import sign_of
from mmlt.evaluation.report.tables import FEW_HINT, few_boxes, tell_score
from mmlt.evaluation.runs.read import ClassRow, Run, has_counts
from mmlt.evaluation.runs.schema import percent, signed_points

_MOST = 10


def extremes_section(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    """The worst ten classes of all runs, and of two runs what changed most; '' without scores.

    Args:
        runs: The runs.
        rows: Their classes.
    """
    task = runs[0].task
    lead = task.measure(task.gains[0])
    worst = worst_classes(rows, task.gains[0], lead.sign)
    if not worst:
        return ''
    title = task.scores[task.gains[0]]
    heading = 'The worst class' if len(worst) == 1 else f'The worst {len(worst)} classes'
    most = 'lowest' if lead.higher_is_better else 'highest'
    hint = f'In percent, the {most} {title} first.'
    if len(runs) > 1:
        hint = f'In percent; the classes of the {most} {title}, mean of the runs, first.'
    hint += f' {FEW_HINT.format(noun=task.noun)}'
    parts = [scrolled(heading, _worst_table(runs, rows, worst)), tag('p', hint, 'hint')]
    if len(runs) == 2:
        parts.append(_changes(runs, rows))
    return section(heading, *parts)


def worst_classes(rows: Sequence[ClassRow], key: str, sign: int = 1) -> list[ClassRow]:
    """At most ten classes, the worst mean over the runs that score them first.

    Args:
        rows: The classes.
        key: The score.
        sign: 1 where more of it is better, -1 where less is.
    """

    def mean(row: ClassRow) -> float:
        values = [row.value(run, key) for run in range(len(row.entries))]
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    scored = [row for row in rows if not math.isnan(mean(row))]
    return sorted(scored, key=lambda row: sign * mean(row))[:_MOST]


def changed_classes(
    rows: Sequence[ClassRow], key: str, sign: int = 1
) -> tuple[list[ClassRow], list[ClassRow]]:
    """At most ten classes that lose on the first run, the largest loss first, and ten that gain.

    The arguments are those of :func:`worst_classes`.
    """

    def gain(row: ClassRow) -> float:
        return sign * row.gain(1, key)

    ordered = sorted((row for row in rows if not math.isnan(gain(row))), key=gain)
    losses = [row for row in ordered[:_MOST] if gain(row) < 0]
    return losses, [row for row in ordered[: -_MOST - 1 : -1] if gain(row) > 0]


def _worst_table(runs: Sequence[Run], rows: Sequence[ClassRow], worst: Sequence[ClassRow]) -> str:
    task = runs[0].task
    keys = task.gains if len(runs) <= 2 else task.gains[:1]
    span = len(runs) > 1
    heads = _class_heads(rows, task.noun, 2 if span else 1)
    titles = ''
    for name in zip([run.name for run in runs], shorten_names([run.name for run in runs])):
        own = [
            tag('th scope="col"', task.scores[key], '' if index else 'edge')
            for index, key in enumerate(keys)
        ]
        titles += ''.join(own)
        if span:
            heads += tag(f'th colspan="{len(keys)}" scope="colgroup"', run_name(*name), 'edge')
    body = []
    for row in worst:
        cells = _class_cells(row, rows)
        for run in range(len(runs)):
            for index, key in enumerate(keys):
                text = percent(row.value(run, key)) if span else tell_score(row, run, key, task)
                cells += tag('td', text, '' if index else 'edge')
        body.append(cells)
    return table('worst', [heads, titles] if span else [heads + titles], body)


def _changes(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    """The largest losses and gains, beside each other where there is room."""
    task = runs[0].task
    lead = task.gains[0]
    losses, gains = changed_classes(rows, lead, task.measure(lead).sign)
    parts = []
    for what, own in (('losses', losses), ('gains', gains)):
        heading = f'Largest {what} of {runs[1].name} on {runs[0].name}'
        content = scrolled(heading, _change_table(runs, rows, own)) if own else '<p>None.</p>'
        parts.append(f'<div><h3>{escape(heading)}</h3>{content}</div>')
    return f'<div class="beside">{"".join(parts)}</div>'


def _change_table(runs: Sequence[Run], rows: Sequence[ClassRow], own: Sequence[ClassRow]) -> str:
    task = runs[0].task
    heads = tag('th scope="col"', 'class')
    if has_counts(rows):
        heads += tag('th scope="col"', f'training {task.noun}')
    title = task.scores[task.gains[0]]
    heads += tag('th scope="col"', f'evaluated {task.noun}') + tag('th scope="col"', title, 'edge')
    heads += ''.join(tag('th scope="col"', f'{task.scores[key]} gain') for key in task.gains)
    body = []
    for row in own:
        before, after = (percent(row.value(run, task.gains[0])) for run in (0, 1))
        cells = _class_cells(row, rows, with_group=False)
        cells += tag('td', f'{before} → {after}', 'edge')
        for key in task.gains:
            gain = row.gain(1, key)
            cells += tag('td', signed_points(gain), sign_of(gain, task.measure(key)))
        body.append(cells)
    return table('worst', [heads], body)


def _class_heads(rows: Sequence[ClassRow], noun: str, height: int) -> str:
    titles = ['class']
    if any(row.group for row in rows):
        titles.append('group')
    if has_counts(rows):
        titles.append(f'training {noun}')
    titles.append(f'evaluated {noun}')
    return ''.join(
        tag(f'th rowspan="{height}" scope="col"', title, 'left' if title == 'group' else '')
        for title in titles
    )


def _class_cells(row: ClassRow, rows: Sequence[ClassRow], with_group: bool = True) -> str:
    cells = tag('th scope="row"', escape(row.name))
    if with_group and any(other.group for other in rows):
        chip = f'<span class="chip {row.group}">{row.group}</span>' if row.group else '–'
        cells += tag('td', chip, 'left')
    if has_counts(rows):
        cells += tag('td', '–' if row.num_train is None else f'{row.num_train:,}')
    return cells + tag('td', f'{row.num_tested:,}', few_boxes(row.num_tested))
