"""The summary of a report: the means of every run over all classes and over each group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmlt.evaluation.report.html import escape, run_name, scrolled, section, table, tag
from mmlt.evaluation.runs.gains import (
    Mean,
    gain_of_run,
    mean_of_run,
    tell_gain_interval,
    tell_interval,
)
from mmlt.evaluation.runs.read import Run, share_classes, tell_num_classes
from mmlt.evaluation.runs.schema import Measure, percent, signed_points
from mmlt.evaluation.runs.undetected import tell_undetected
from mmlt.fileio.class_split import GROUPS

_HINT = 'In percent; a mean is over the classes that have a value, all counting alike.'
_GROUP_HINT = 'Head, medium and tail: classes with many, fewer and few training examples.'
#: Behind a frame-mAP that some classes are left out of.
MARK = '<sup>*</sup>'


def present_groups(runs: Sequence[Run]) -> list[str]:
    """The groups, head first, that hold a class in any run."""
    return [
        group
        for group in GROUPS
        if any(run.metrics['groups'].get(group, {}).get('num_classes') for run in runs)
    ]


def summary_section(runs: Sequence[Run], *more: str) -> str:
    """The table of means with what must be said about it, and ``more`` HTML below."""
    hints = [_HINT, runs[0].task.hint, _GROUP_HINT if present_groups(runs) else '']
    parts = [
        scrolled('Summary', summary_table(runs)),
        *undetected_notes(runs),
        tag('p', ' '.join(filter(None, hints)), 'hint'),
    ]
    return section('Summary', *parts, *more)


def undetected_notes(runs: Sequence[Run]) -> list[str]:
    """What the frame-mAP of each run leaves out, a paragraph each."""
    notes = []
    for run in runs:
        told = tell_undetected(run.metrics)
        if told:
            whose = f'{run.name}: ' if len(runs) > 1 else ''
            notes.append(tag('p', f'{MARK} {escape(whose + told)}', 'gaps'))
    return notes


def summary_table(runs: Sequence[Run]) -> str:
    """A band of rows for all classes and for each group: every run, then its gain on the first.

    A run that shares no scored class with the first has no gain on it.
    """
    task = runs[0].task
    groups = present_groups(runs)
    start = tag('th scope="col"', 'classes', 'left')
    if len(runs) > 1:
        start += tag('th scope="col"', 'run', 'left')
    heads = ''.join(tag('th scope="col"', title) for title in task.overall.values())
    body = []
    for group in (None, *groups):
        rows = list(_rows(runs, group))
        band = f'th rowspan="{len(rows)}" scope="rowgroup"'
        title = tag(band, _group_title(runs, group))
        for index, (kind, cells) in enumerate(rows):
            body.append((kind, cells) if index else (f'{kind} band', title + cells))
    return table('summary', [start + heads], body)


def _rows(runs: Sequence[Run], group: str | None) -> Iterator[tuple[str, str]]:
    """Class ('gain' or none) and cells of each row of a band."""
    task = runs[0].task
    keys = [key if group is None or key in task.means else None for key in task.overall]
    for index, run in enumerate(runs):
        name = tag('th scope="row"', run_name(run.name)) if len(runs) > 1 else ''
        yield '', name + ''.join(_mean_cell(run, group, key) for key in keys)
        if index and share_classes(runs[0], run, group):
            name = tag('th scope="row"', run_name(f'gain on {runs[0].name}'))
            yield 'gain', name + ''.join(_gain_cell(runs[0], run, group, key) for key in keys)


def _mean_cell(run: Run, group: str | None, key: str | None) -> str:
    if key is None:
        return '<td></td>'
    mean = mean_of_run(run, group, key)
    return tag('td', tell_mean(mean))


def tell_mean(mean: Mean) -> str:
    """A mean as HTML; a frame-mAP that leaves classes out is marked, and followed by the other."""
    small = [f'[{tell_interval(mean.interval)}]'] if mean.interval else []
    if mean.as_zero is None:
        return percent(mean.value) + _below(small)
    return percent(mean.value) + MARK + _below([f'as 0: {percent(mean.as_zero)}', *small])


def _gain_cell(first: Run, second: Run, group: str | None, key: str | None) -> str:
    if key is None:
        return '<td></td>'
    gain = gain_of_run(first, second, group, key)
    small = [f'[{tell_gain_interval(gain.interval)}]'] if gain.interval else []
    text = signed_points(gain.value)
    if gain.as_zero is not None:
        text += MARK
        small.insert(0, f'as 0: {signed_points(gain.as_zero)}')
    return tag('td', text + _below(small), sign_of(gain.value, first.task.measure(key)))


def _below(lines: Sequence[str]) -> str:
    return ''.join(f'<small class="below">{line}</small>' for line in lines)


def sign_of(gain: float, measure: Measure) -> str:
    """The class of a cell that holds a gain: its colour says whether it is one."""
    return {'+': 'up', '−': 'down'}.get(signed_points(measure.sign * gain)[0], '')


def _group_title(runs: Sequence[Run], group: str | None) -> str:
    sizes = dict.fromkeys(tell_num_classes(run.metrics, group) for run in runs)
    shown = ' / '.join(sizes)
    noun = 'class' if shown == '1' else 'classes'
    chip = f'<span class="chip {group}">{group}</span>' if group else 'all'
    return f'{chip} <small>{shown} {noun}</small>'
