"""The figures of a report: class frequencies, SAP beside AP, and what one run gains on another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlt.evaluation.report_svg import INK, ClassFigure, add_bars, add_lines, add_marks, plain_text
from mmlt.evaluation.run_metrics import ClassRow, has_counts

COMPARED_COLOR = '#b4bac2'
RUN_COLORS = ('#004488', '#bb5566', '#ddaa33', '#228833', '#66ccee', '#aa3377', '#444444')
_MOST_NAME = 30  # characters of a run's name in a legend
_RUN_MARKERS = 'osD^vPX'


def percent(value: float) -> str:
    """A fraction in percent; undefined is an en dash.

    Example:
        >>> percent(0.4784), percent(float('nan'))
        ('47.8', '–')
    """
    return '–' if np.isnan(value) else f'{100 * value:.1f}'


def signed_points(value: float) -> str:
    """A difference of fractions in percentage points, with its sign.

    Example:
        >>> signed_points(0.0123), signed_points(-0.05), signed_points(-1e-9)
        ('+1.2', '−5.0', '0.0')
    """
    if np.isnan(value):
        return '–'
    text = f'{100 * value:+.1f}'
    return '0.0' if float(text) == 0 else text.replace('-', '−')


def frequency_figure(rows: Sequence[ClassRow]) -> str:
    """Training counts (bars, by group) and evaluated boxes (diamonds) of each class, log scale."""
    counts = np.array([np.nan if row.num_train is None else row.num_train for row in rows])
    boxes = np.array([row.num_boxes for row in rows], dtype=float)
    drawn = [np.where(values > 0, values, np.nan) for values in (counts, boxes)]  # no log of 0
    with _figure(rows, height=4.5) as figure:
        axes = figure.axes[0]
        axes.set_yscale('log')
        if has_counts(rows):
            figure.group_bars(axes, drawn[0], 'training', bottom=0.5)
            add_marks(axes, drawn[1], 'evaluated boxes')
        else:
            figure.group_bars(axes, drawn[1], 'evaluated boxes', bottom=0.5)
        axes.set_ylim(0.5, 2.5 * np.nanmax([*counts, *boxes, 10]))
        axes.yaxis.set_major_formatter(lambda value, _: f'{value:,.0f}' if value >= 1 else '')
        axes.set_ylabel('number of boxes')
        texts = [
            f'{row.name}: {_count(row.num_train)} in training, {_count(row.num_boxes)} evaluated'
            for row in rows
        ]
        return figure.to_svg('frequency', 'Number of boxes of each class, log scale', texts)


def scores_figure(rows: Sequence[ClassRow], run: int, run_name: str) -> str:
    """SAP with its standard deviation and AP of each class, side by side, for one run."""
    sap, std, ap = (_column(rows, run, key) for key in ('SAP', 'SAP_std', 'AP'))
    with _figure(rows, height=4.9) as figure:
        axes = figure.axes[0]
        figure.group_bars(axes, sap, 'SAP', width=0.42, offset=-0.21)
        add_bars(axes, ap, COMPARED_COLOR, 'AP', width=0.42, offset=0.21)
        add_lines(axes, sap - std, sap + std, INK, 1.0, offset=-0.21)
        percent_axis(axes, 'SAP and AP (%)', chance=0.5)  # of SAP
        texts = [
            f'{row.name}: SAP {percent(s)} ± {percent(d)}, AP {percent(a)}'
            for row, s, d, a in zip(rows, sap, std, ap)
        ]
        return figure.to_svg(f'scores-{run}', f'SAP and AP of each class, {run_name}', texts)


def gain_figure(rows: Sequence[ClassRow], run_names: Sequence[str]) -> str:
    """SAP of two runs (above), and the second's gain in SAP and AP (below), largest SAP gain first.

    Classes without a SAP in both runs are left out; '' where none is left.
    """
    rows = [row for row in rows if not np.isnan(row.gain(1, 'SAP'))]
    if not rows:
        return ''
    rows.sort(key=lambda row: -row.gain(1, 'SAP'))
    saps = [_column(rows, run, 'SAP') for run in (0, 1)]
    gains = [np.array([row.gain(1, key) for row in rows]) for key in ('SAP', 'AP')]
    with _figure(rows, height=7.2, panels=2) as figure:
        above, below = figure.axes
        add_lines(above, *saps, '#9aa3ad', 1.6)
        for name, sap, face in zip(shorten_names(run_names), saps, ('white', INK)):
            add_marks(above, sap, name, marker='o', face=face)
        percent_axis(above, 'SAP (%)', chance=0.5)  # of SAP
        figure.group_bars(below, gains[0], 'SAP gain')
        add_marks(below, gains[1], 'AP gain')
        below.axhline(0, color=INK, linewidth=0.8)
        low, high = min(np.nanmin(gains), 0), max(np.nanmax(gains), 0)
        margin = 0.08 * max(high - low, 0.01)
        below.set_ylim(low - margin, high + margin)
        below.yaxis.set_major_formatter(lambda value, _: signed_points(value).replace('.0', ''))
        below.set_ylabel('gain (points)')
        texts = [
            f'{row.name}: SAP {percent(a)} → {percent(b)} ({signed_points(s)}), '
            f'AP {signed_points(d)}'
            for row, a, b, s, d in zip(rows, *saps, *gains)
        ]
        label = f'Gain of {run_names[1]} over {run_names[0]} for each class, largest first'
        return figure.to_svg('gain', label, texts)


def all_runs_figure(rows: Sequence[ClassRow], run_names: Sequence[str]) -> str:
    """SAP of each class in every run, one mark a run."""
    saps = [_column(rows, run, 'SAP') for run in range(len(run_names))]
    with _figure(rows, height=4.9) as figure:
        axes = figure.axes[0]
        add_lines(axes, np.fmin.reduce(saps), np.fmax.reduce(saps), '#c9ced4', 1.2)
        for index, (name, sap) in enumerate(zip(shorten_names(run_names), saps)):
            color = RUN_COLORS[index % len(RUN_COLORS)]
            marker = _RUN_MARKERS[index % len(_RUN_MARKERS)]
            add_marks(axes, sap, name, marker=marker, face=color, edge=color)
        percent_axis(axes, 'SAP (%)', chance=0.5)  # of SAP
        texts = [
            f'{row.name}: ' + ', '.join(f'{n} {percent(s[i])}' for n, s in zip(run_names, saps))
            for i, row in enumerate(rows)
        ]
        return figure.to_svg('runs', f'SAP of each class in {len(run_names)} runs', texts)


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


def _figure(rows: Sequence[ClassRow], **size) -> ClassFigure:
    return ClassFigure([row.name for row in rows], [row.group for row in rows], **size)


def _column(rows: Sequence[ClassRow], run: int, key: str) -> np.ndarray:
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
