"""The tables of a report as HTML: the means of every run, and every class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mmlt.evaluation.report_figures import percent, signed_points
from mmlt.evaluation.report_parts import escape, run_name, section, tag
from mmlt.evaluation.run_metrics import (
    ClassRow,
    Run,
    has_counts,
    number_or_nan,
    share_classes,
    tell_num_classes,
)
from mmlt.evaluation.run_tasks import DETECTION, Task
from mmlt.functional.class_files import GROUPS

_DEVIATION_HINT = '± is one standard deviation of SAP over its random draws; '
_CLASSES_HINT = (
    'In percent; {deviation}a dash stands for what is undefined. Click on a heading to sort, again '
    'to reverse.'
)


def present_groups(runs: Sequence[Run]) -> list[str]:
    """The groups, head first, that hold a class in any run."""
    return [
        group
        for group in GROUPS
        if any(run.metrics['groups'].get(group, {}).get('num_classes') for run in runs)
    ]


def summary_table(runs: Sequence[Run]) -> str:
    """The means over all classes and over each group; a run a row, then its gain on the first.

    A run without a class of the first has no gain on it.
    """
    task = runs[0].task
    means = {None: task.overall, **dict.fromkeys(present_groups(runs), task.means)}
    columns = [(group, key) for group, titles in means.items() for key in titles]
    bands = ''.join(
        tag(f'th colspan="{len(titles)}" scope="colgroup"', _group_title(runs, group), 'edge')
        for group, titles in means.items()
    )
    titles = (tag('th scope="col"', task.overall[k], _edge(k, task.means)) for _, k in columns)
    body = []
    for index, run in enumerate(runs):
        values = [_mean(run, *column) for column in columns]
        cells = (tag('td', percent(v), _edge(k, task.means)) for v, (_, k) in zip(values, columns))
        body.append(f'<tr><th scope="row">{run_name(run.name)}</th>{"".join(cells)}</tr>')
        if index and share_classes(runs[0], run):
            gains = [value - _mean(runs[0], *column) for value, column in zip(values, columns)]
            cells = (
                tag('td', signed_points(gain), f'{_sign(gain)} {_edge(key, task.means)}')
                for gain, (_, key) in zip(gains, columns)
            )
            name = run_name(f'gain on {runs[0].name}')
            body.append(f'<tr class="gain"><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return (
        '<table class="summary"><thead>'
        f'<tr><th rowspan="2" scope="col">run</th>{bands}</tr><tr>{"".join(titles)}</tr></thead>'
        f'<tbody>{"".join(body)}</tbody></table>'
    )


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
        titles = [*task.scores, *(f'{key} gain' for key in task.gains if has_gain)]
        bands += tag(f'th colspan="{len(titles)}" scope="colgroup"', run_name(run.name), 'edge')
        for title in titles:
            heads.append(_head(title, len(heads), classes=_edge(title, task.scores)))
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
    deviation = _DEVIATION_HINT if runs[0].task is DETECTION else ''
    hint = _CLASSES_HINT.format(deviation=deviation)
    hint, controls = tag('p', hint, 'hint'), tag('div', narrow, 'controls')
    return section('All classes', hint, controls, tag(start, class_table(runs, rows)))


def _class_row(
    row: ClassRow, task: Task, compared: Sequence[bool], counts: bool, groups: bool
) -> str:
    cells = [f'<th scope="row">{escape(row.name)}</th>', _cell(row.class_id, str(row.class_id))]
    if groups:
        chip = f'<span class="chip {row.group}">{row.group}</span>' if row.group else '–'
        cells.append(_cell(GROUPS.index(row.group) if row.group else math.nan, chip))
    for value in [row.num_train, row.num_tested] if counts else [row.num_tested]:
        cells.append(_cell(number_or_nan(value), '–' if value is None else f'{value:,}'))
    for run, has_gain in enumerate(compared):
        for key in task.scores:
            value = row.value(run, key)
            text = percent(value)
            if key == 'SAP' and not math.isnan(row.value(run, 'SAP_std')):
                text += f' <small>±{percent(row.value(run, "SAP_std"))}</small>'
            cells.append(_cell(value, text, _edge(key, task.scores)))
        for key in task.gains if has_gain else ():
            gain = row.gain(run, key)
            cells.append(_cell(gain, signed_points(gain), _sign(gain)))
    return f'<tr data-group="{row.group or ""}">{"".join(cells)}</tr>'


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


def _group_title(runs: Sequence[Run], group: str | None) -> str:
    sizes = dict.fromkeys(tell_num_classes(run.metrics, group) for run in runs)
    shown = ' / '.join(sizes)
    noun = 'class' if shown == '1' else 'classes'
    chip = f'<span class="chip {group}">{group}</span>' if group else 'all'
    return f'{chip} <small>{shown} {noun}</small>'


def _mean(run: Run, group: str | None, key: str) -> float:
    means = run.metrics if group is None else run.metrics['groups'].get(group, {})
    return number_or_nan(means.get(key))


def _edge(key: str, keys: Iterable[str]) -> str:
    """The class of a column that opens a band of columns."""
    return 'edge' if key == next(iter(keys)) else ''


def _sign(gain: float) -> str:
    return {'+': 'up', '−': 'down'}.get(signed_points(gain)[0], '')
