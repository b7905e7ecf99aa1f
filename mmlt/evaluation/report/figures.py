"""The figures of a report: class frequencies, scores, and what one run gains on another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlt.evaluation.report.inline import plain_text
from mmlt.evaluation.report.shapes import INK, add_lines, add_marks
from mmlt.evaluation.report.svg import MIN_BOXES, ClassFigure
from mmlt.evaluation.runs.read import ClassRow, has_counts
from mmlt.evaluation.runs.schema import ResultSchema, percent, signed_points
from mmlt.evaluation.runs.tasks import DETECTION

COMPARED_COLOR = '#b4bac2'
RUN_COLORS = ('#004488', '#bb5566', '#ddaa33', '#228833', '#66ccee', '#aa3377', '#444444')
_MOST_NAME = 30  # characters of a run's name in a legend
_RUN_MARKERS = 'osD^vPX'


def frequency_figure(rows: Sequence[ClassRow], task: ResultSchema = DETECTION) -> str:
    """Training counts (bars, by group) and evaluated boxes (diamonds) of each class, log scale.

    The boxes are samples where the task's noun says so.
    """
    counts = np.array([np.nan if row.num_train is None else row.num_train for row in rows])
    tested = np.array([row.num_tested for row in rows], dtype=float)
    evaluated = f'evaluated {task.noun}'
    drawn = [np.where(values > 0, values, np.nan) for values in (counts, tested)]  # no log of 0
    with class_figure(rows, task.noun, height=5.2) as figure:
        axes = figure.axes[0]
        axes.set_yscale('log')
        axes.minorticks_off()  # nobody sees them, and they take time
        if has_counts(rows):
            figure.group_bars(axes, drawn[0], 'training', bottom=0.5)
            add_marks(axes, drawn[1], evaluated)
        else:
            figure.group_bars(axes, drawn[1], evaluated, bottom=0.5)
        axes.set_ylim(0.5, 2.5 * np.nanmax([*counts, *tested, 10]))
        axes.yaxis.set_major_formatter(lambda value, _: f'{value:,.0f}' if value >= 1 else '')
        axes.set_ylabel(f'number of {task.noun}')
        texts = [
            f'{row.name}: {_count(row.num_train)} in training, {_count(row.num_tested)} evaluated'
            for row in rows
        ]
        label = f'Number of {task.noun} of each class, log scale'
        return figure.to_svg('frequency', label, texts)


def scores_figure(
    rows: Sequence[ClassRow], run: int, run_name: str, task: ResultSchema = DETECTION
) -> str:
    """SAP with its standard deviation and frame-AP of each class, side by side, for one run.

    Of other tasks it is what their gains are shown of.
    """
    lead = task.measure(task.gains[0])
    labels = [task.scores[key] for key in task.gains]
    values = [column(rows, run, key) for key in task.gains]
    width, offset = (0.42, 0.21) if len(labels) > 1 else (0.8, 0.0)
    what = ' and '.join(labels)
    with class_figure(rows, task.noun, height=5.2) as figure:
        axes = figure.axes[0]
        figure.group_bars(axes, values[0], labels[0], width=width, offset=-offset)
        for label, value in zip(labels[1:], values[1:]):
            figure.bars(axes, value, COMPARED_COLOR, label, width=width, offset=offset)
        told = [[f'{n} {percent(v[i])}' for n, v in zip(labels, values)] for i in range(len(rows))]
        if lead.deviation:
            deviation = column(rows, run, lead.deviation)
            ends = (values[0] - deviation, values[0] + deviation)
            add_lines(axes, *ends, INK, 1.0, offset=-offset)
            for texts, each in zip(told, deviation):
                texts[0] += f' ± {percent(each)}'
        percent_axis(axes, f'{what} (%)', chance=lead.chance)
        texts = [f'{row.name}: {", ".join(own)}' for row, own in zip(rows, told)]
        return figure.to_svg(f'scores-{run}', f'{what} of each class, {run_name}', texts)


def gain_figure(
    rows: Sequence[ClassRow], run_names: Sequence[str], task: ResultSchema = DETECTION
) -> str:
    """SAP of two runs (above), and the second's gain in SAP and frame-AP (below), largest first.

    Of classifiers it is AP, above and below. Classes without this score in both runs are left out;
    '' where none is left.
    """
    score, title, lead = task.gains[0], task.scores[task.gains[0]], task.measure(task.gains[0])
    rows = [row for row in rows if not np.isnan(row.gain(1, score))]
    if not rows:
        return ''
    rows.sort(key=lambda row: -lead.sign * row.gain(1, score))
    values = [column(rows, run, score) for run in (0, 1)]
    gains = {key: np.array([row.gain(1, key) for row in rows]) for key in task.gains}
    with class_figure(rows, task.noun, height=7.8, panels=2) as figure:
        above, below = figure.axes
        add_lines(above, *values, '#9aa3ad', 1.6)
        for name, value, face in zip(shorten_names(run_names), values, ('white', INK)):
            add_marks(above, value, name, marker='o', face=face)
        percent_axis(above, f'{title} (%)', chance=lead.chance)
        figure.group_bars(below, gains[score], f'{title} gain')
        for key in task.gains[1:]:
            add_marks(below, gains[key], f'{task.scores[key]} gain')
        below.axhline(0, color=INK, linewidth=0.8)
        every_gain = np.stack(list(gains.values()))
        low, high = min(np.nanmin(every_gain), 0), max(np.nanmax(every_gain), 0)
        margin = 0.08 * max(high - low, 0.01)
        below.set_ylim(low - margin, high + margin)
        below.yaxis.set_major_formatter(lambda value, _: signed_points(value).replace('.0', ''))
        below.set_ylabel('gain (points)')
        texts = [
            f'{row.name}: {title} {percent(a)} → {percent(b)} ({signed_points(gains[score][i])})'
            + ''.join(f', {task.scores[k]} {signed_points(gains[k][i])}' for k in task.gains[1:])
            for i, (row, a, b) in enumerate(zip(rows, *values))
        ]
        label = f'Gain of {run_names[1]} over {run_names[0]} for each class, largest first'
        return figure.to_svg('gain', label, texts)


def all_runs_figure(
    rows: Sequence[ClassRow], run_names: Sequence[str], task: ResultSchema = DETECTION
) -> str:
    """SAP (of classifiers: AP) of each class in every run, one mark a run."""
    score, title = task.gains[0], task.scores[task.gains[0]]
    values = [column(rows, run, score) for run in range(len(run_names))]
    with class_figure(rows, task.noun, height=5.2) as figure:
        axes = figure.axes[0]
        add_lines(axes, np.fmin.reduce(values), np.fmax.reduce(values), '#c9ced4', 1.2)
        for index, (name, value) in enumerate(zip(shorten_names(run_names), values)):
            color = RUN_COLORS[index % len(RUN_COLORS)]
            marker = _RUN_MARKERS[index % len(_RUN_MARKERS)]
            shown = np.where(figure.few, np.nan, value)
            add_marks(axes, shown, name, marker=marker, face=color, edge=color)
            if figure.few.any():
                hollow = np.where(figure.few, value, np.nan)
                add_marks(axes, hollow, None, marker=marker, edge=color)
        percent_axis(axes, f'{title} (%)', chance=task.measure(score).chance)
        texts = [
            f'{row.name}: ' + ', '.join(f'{n} {percent(v[i])}' for n, v in zip(run_names, values))
            for i, row in enumerate(rows)
        ]
        return figure.to_svg('runs', f'{title} of each class in {len(run_names)} runs', texts)


def shorten_names(names: Sequence[str]) -> list[str]:
    """Names of runs short enough for a legend: their middle is left out; all stay distinct.

    Example:
        >>> shorten_names(['baseline', 'slowonly_r50_8x8_two_stage_balanced_lr1e-3_seed0'])
        ['baseline', 'slowonly_r50_8x…d_lr1e-3_seed0']
    """
    half = _MOST_NAME // 2
    names = [plain_text(name) for name in names]
    short = [n if len(n) <= _MOST_NAME else f'{n[:half]}…{n[1 - half :]}' for n in names]
    if len(set(short)) < len(set(names)):
        short = [f'{name} ({index})' for index, name in enumerate(short, 1)]
    return short


def class_figure(rows: Sequence[ClassRow], noun: str = 'boxes', **size) -> ClassFigure:
    """A figure of classes, hollow where fewer than ten boxes (or samples) are evaluated."""
    few = [row.num_tested < MIN_BOXES for row in rows]
    names, groups = [row.name for row in rows], [row.group for row in rows]
    return ClassFigure(names, groups, few=few, noun=noun, **size)


def column(rows: Sequence[ClassRow], run: int, key: str) -> np.ndarray:
    """One value of every class, (C,) float64, NaN where undefined."""
    return np.array([row.value(run, key) for row in rows])


def _count(value: int | None) -> str:
    return '–' if value is None else f'{value:,}'


def percent_axis(axes, label: str, *, chance: float | None = None) -> None:
    """An axis from 0 to 100%, with a dashed line where random scores lie."""
    axes.set_ylim(0, 1)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(lambda value, _: f'{100 * value:.0f}')
    axes.set_ylabel(label)
    if chance is not None:
        axes.axhline(chance, color='#6b7480', linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.9)
