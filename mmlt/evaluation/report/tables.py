"""The table of all classes in a report, as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mmlt.evaluation.report.html import escape, run_name, section, tag
from mmlt.evaluation.report.summary import sign_of
from mmlt.evaluation.report.svg import MIN_BOXES
from mmlt.evaluation.runs.read import ClassRow, Run, has_counts, number_or_nan, share_classes
from mmlt.evaluation.runs.schema import ResultSchema, percent, signed_points
from mmlt.fileio.class_split import GROUPS

_DEVIATION_HINT = '± is one standard deviation of {label} over its random draws; '
_CLASSES_HINT = (
    'In percent; {deviation}a dash stands for what is undefined. {few} Click on a heading to sort, '
    'again to reverse.'
)
#: What :func:`few_boxes` looks like.
FEW_HINT = f'Italic: fewer than {MIN_BOXES} evaluated {{noun}}, so that the scores say little.'


def class_table(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    """Every class with its counts and scores in every run, and the gains on the first run."""
    task = runs[0].task
    counts, groups = has_counts(rows), any(row.group for row in rows)
    heads = [_head('class', 0, 'text', 'ascending'), _head('id', 1, 'number', 'ascending')]
    if groups:
        heads.append(_head('group', 2, 'number', 'ascending'))
    if counts:
        heads.append(_head(f'training {task.noun}', len(heads), order='descending'))
    order = 'none' if counts else 'descending'
    heads.append(_head(f'evaluated {task.noun}', len(heads), order=order))
    bands = f'<td colspan="{len(heads)}"></td>'
    compared = [index > 0 and share_classes(runs[0], run) for index, run in enumerate(runs)]
    for run, has_gain in zip(runs, compared):
        gains = [f'{task.scores[key]} gain' for key in task.gains if has_gain]
        titles = [*task.scores.values(), *gains]
        bands += tag(f'th colspan="{len(titles)}" scope="colgroup"', run_name(run.name), 'edge')
        for title in titles:
            edge = _edge(title, task.scores.values())
            heads.append(_head(title, len(heads), classes=edge))
    bands = f'<tr class="bands">{bands}</tr>' if len(runs) > 1 else ''
    body = '\n'.join(_class_row(row, task, compared, counts, groups) for row in rows)
    return (
        f'<table class="classes" id="classes"><thead>{bands}<tr>{"".join(heads)}</tr></thead>\n'
        f'<tbody>\n{body}\n</tbody></table>'
    )


def class_section(runs: Sequence[Run], rows: Sequence[ClassRow], groups: Sequence[str]) -> str:
    """The table of all classes with its hint, and with what narrows it down."""
    narrow = (
        '<label>Class <input id="filter" type="search" placeholder="part of a name" '
        'autocomplete="off"></label>'
    )
    if groups:
        options = ''.join(f'<option>{group}</option>' for group in groups)
        narrow += (
            '<label>Group <select id="group"><option value="">all</option>'
            f'{options}</select></label>'
        )
    count = f'{len(rows):,}'
    narrow += f'<output id="shown" aria-live="polite">{count} of {count} classes</output>'
    start = 'div class="table-box" tabindex="0" role="region" aria-label="All classes"'
    task = runs[0].task
    deviation = ''.join(
        _DEVIATION_HINT.format(label=label)
        for key, label in task.scores.items()
        if task.measure(key).deviation
    )
    few = FEW_HINT.format(noun=task.noun)
    hint = _CLASSES_HINT.format(deviation=deviation, few=few)
    hint, controls = tag('p', hint, 'hint'), tag('div', narrow, 'controls')
    return section('All classes', hint, controls, tag(start, class_table(runs, rows)))


def _class_row(
    row: ClassRow, task: ResultSchema, compared: Sequence[bool], counts: bool, groups: bool
) -> str:
    cells = [f'<th scope="row">{escape(row.name)}</th>', _cell(row.class_id, str(row.class_id))]
    if groups:
        chip = f'<span class="chip {row.group}">{row.group}</span>' if row.group else '–'
        cells.append(_cell(GROUPS.index(row.group) if row.group else math.nan, chip))
    if counts:
        text = '–' if row.num_train is None else f'{row.num_train:,}'
        cells.append(_cell(number_or_nan(row.num_train), text))
    cells.append(_cell(row.num_tested, f'{row.num_tested:,}', few_boxes(row.num_tested)))
    for run, has_gain in enumerate(compared):
        for key in task.scores:
            text = tell_score(row, run, key, task)
            cells.append(_cell(row.value(run, key), text, _edge(key, task.scores)))
        for key in task.gains if has_gain else ():
            gain = row.gain(run, key)
            cells.append(_cell(gain, signed_points(gain), sign_of(gain, task.measure(key))))
    return f'<tr data-group="{row.group or ""}">{"".join(cells)}</tr>'


def tell_score(row: ClassRow, run: int, key: str, task: ResultSchema) -> str:
    """A score of a class with its standard deviation, where it has one, as HTML."""
    text, deviation = percent(row.value(run, key)), task.measure(key).deviation
    if deviation is None or math.isnan(row.value(run, deviation)):
        return text
    return f'{text} <small>±{percent(row.value(run, deviation))}</small>'


def few_boxes(count: int) -> str:
    """The class of a cell that tells on how few boxes, or samples, scores rest."""
    return 'few' if count < MIN_BOXES else ''


def _cell(value: float, text: str, classes: str = '') -> str:
    """A number for the reader and, more precise, for sorting; without the latter it goes last."""
    known = '' if math.isnan(value) else f' data-v="{round(value, 5):.10g}"'
    return tag(f'td{known}', text, classes)


def _head(title, column, kind='number', first='descending', order='none', classes='') -> str:
    """A header that sorts: ``first`` is the order of the first click, ``order`` the present one."""
    start = (
        f'th scope="col" data-column="{column}" data-kind="{kind}" data-first="{first}" '
        f'aria-sort="{order}"'
    )
    return tag(start, f'<button type="button">{title}</button>', classes)


def _edge(key: str, keys: Iterable[str]) -> str:
    """The class of a column that opens a band of columns."""
    return 'edge' if key == next(iter(keys)) else ''
