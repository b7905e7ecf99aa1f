"""What shuffled frames cost each class: the section of a report about shuffle bias."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mmlt.evaluation.report.figures import (
    COMPARED_COLOR,
    RUN_COLORS,
    column,
    percent_axis,
    shorten_names,
)
from mmlt.evaluation.report.html import escape, figure, run_name, scrolled, section, table, tag
from mmlt.evaluation.report.shapes import INK, add_bars, add_lines
from mmlt.evaluation.report.svg import ClassFigure
from mmlt.evaluation.runs.read import ClassRow, Run
from mmlt.evaluation.runs.schema import percent
from mmlt.evaluation.runs.tasks import DETECTION

_PREFIX = 'ava'  # of the keys of detectors: AVALongTailMetric.default_prefix
_OVERALL = {
    f'{_PREFIX}/{DETECTION.measure(key).overall.log}': label
    for key, label in DETECTION.overall.items()
}
_KEYS = ('original', 'shuffled', 'log_ratio')
_EXPLAINED = (
    'Every video was tested with its frames in order and again with the frames of each clip '
    'shuffled ({shuffles}; their mean is shown). <b>Log ratio</b>: ln(in order / shuffled). Near '
    '0, the look of single frames is enough; the larger it is, the more the model needs their '
    'order. ±: standard error over the shuffles; ∞: nothing was recognised with shuffled frames.'
)
_CAPTION = (
    'Colour: {quantity} with the frames in order; grey: shuffled. Lowest: the log ratio of the '
    'two, the class that needs the order most on the left. Thin line: one standard error over '
    'the shuffles. Triangle: an infinite ratio, nothing recognised on one side. {left_out}'
)


def shuffle_bias_section(runs: Sequence[Run], detector_rows: Sequence[ClassRow] = ()) -> str:
    """The section, of the runs that hold shuffle bias; '' where none does.

    Args:
        runs: All runs of the report.
        detector_rows: Their classes, which know the groups.
    """
    groups = {row.name: row.group for row in detector_rows}
    held = [run for run in runs if run.shuffle_bias is not None]
    if not held:
        return ''
    without = [run.name for run in runs if run.shuffle_bias is None]
    counts = dict.fromkeys(run.shuffle_bias['num_shuffles'] for run in held)
    shuffles = ' or '.join(f'{n} {"shuffle" if n == 1 else "shuffles"}' for n in counts)
    explained = _EXPLAINED.format(shuffles=shuffles)
    if without:
        explained += f' Without such results: {escape(", ".join(without))}.'
    overall = _value_table(held, _join(held, _overall))
    parts = [scrolled('Shuffle bias', overall), tag('p', explained, 'hint')]
    for quantity, read in _QUANTITIES.items():
        own = [run for run in held if read(run.shuffle_bias)]
        if own:
            parts.append(_of_classes(own, quantity, _sort(_join(own, read, groups))))
    return section('Shuffle bias: in order against shuffled', *parts)


def _overall(result: Mapping) -> dict[str, Mapping]:
    """The shares among the values over all classes: each of our own metrics', others by key."""
    return {
        _OVERALL.get(key, key): row
        for key, row in result['metrics'].items()
        if key.count('/') <= 1
        and row['log_ratio'] is not None
        and row['original'] <= 1
        and not key.endswith('_sampled')
    }


def _accuracies(result: Mapping) -> dict[str, Mapping]:
    return dict(result['per_class'])


def _frame_aps(result: Mapping) -> dict[str, Mapping]:
    """The rows called 'ava/AP/<class>', a detector's; a class name may hold a slash."""
    return _average_precisions(result, is_detector=True)


def _average_precisions(result: Mapping, is_detector: bool = False) -> dict[str, Mapping]:
    """The rows called '<another prefix>/AP/<class>'."""
    parts = ((key.split('/', 2), row) for key, row in result['metrics'].items())
    named = [(p, row) for p, row in parts if len(p) == 3 and p[1] == 'AP']
    return {
        p[2]: row
        for p, row in named
        if (p[0] == _PREFIX) == is_detector and row['original'] is not None
    }


_QUANTITIES = {'accuracy': _accuracies, 'frame-AP': _frame_aps, 'AP': _average_precisions}


def _join(runs: Sequence[Run], read, groups: Mapping[str, str | None] | None = None) -> list:
    """The rows of all runs as one for each name."""
    tables = [read(run.shuffle_bias) for run in runs]
    return [
        ClassRow(
            name=name,
            class_id=0,
            group=(groups or {}).get(name),
            num_train=None,
            num_tested=0,
            entries=tuple(rows.get(name) for rows in tables),
        )
        for name in dict.fromkeys(name for rows in tables for name in rows)
    ]


def _sort(rows: Sequence[ClassRow]) -> list[ClassRow]:
    """By the first log ratio that a class has, from large to small; undefined ones last."""

    def place(row: ClassRow) -> float:
        ratios = (row.value(run, 'log_ratio') for run in range(len(row.entries)))
        first = next((ratio for ratio in ratios if not math.isnan(ratio)), None)
        return math.inf if first is None else -first

    known = [row for row in rows if not all(math.isnan(v) for v in _ratios(row))]
    return sorted(known, key=place) + [row for row in rows if row not in known]


def _ratios(row: ClassRow) -> list[float]:
    return [row.value(run, 'log_ratio') for run in range(len(row.entries))]


def _value_table(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    span = f'th colspan="{len(_KEYS)}" scope="colgroup"'
    bands = ''.join(tag(span, run_name(run.name), 'edge') for run in runs)
    titles = ''.join(
        tag('th scope="col"', title, 'edge' if index == 0 else '')
        for _ in runs
        for index, title in enumerate(('in order', 'shuffled', 'log ratio'))
    )
    body = [
        f'<th scope="row">{escape(row.name)}</th>'
        + ''.join(_value_cells(row, run) for run in range(len(runs)))
        for row in rows
    ]
    return table('summary', [f'<th rowspan="2" scope="col"></th>{bands}', titles], body)


def _value_cells(row: ClassRow, run: int) -> str:
    ratio, _, error = tell_ratio(row, run).partition(' ')
    text = f'{ratio} <small>{error}</small>' if error else ratio
    return (
        tag('td', percent(row.value(run, 'original')), 'edge')
        + tag('td', percent(row.value(run, 'shuffled')))
        + tag('td', text)
    )


def tell_ratio(row: ClassRow, run: int) -> str:
    """The log ratio of a run with its standard error, e.g. '0.97 ±0.02' or '∞'."""
    ratio, error = row.value(run, 'log_ratio'), row.value(run, 'log_ratio_std_error')
    if math.isnan(ratio):
        return '–'
    if math.isinf(ratio):
        return '∞' if ratio > 0 else '−∞'
    text = f'{ratio:.2f}'.replace('-', '−').replace('−0.00', '0.00')
    return text if math.isnan(error) else f'{text} ±{error:.2f}'


def _of_classes(runs: Sequence[Run], quantity: str, rows: Sequence[ClassRow]) -> str:
    """The drawing and, folded, the table of all classes."""
    undefined = sum(all(math.isnan(ratio) for ratio in _ratios(row)) for row in rows)
    left_out = f'{undefined} of {len(rows)} classes have no ratio.' if undefined else ''
    heading = f'{quantity} of each class, frames in order and shuffled'
    caption = _CAPTION.format(quantity=quantity, left_out=left_out)
    drawing = bias_figure(rows, [run.name for run in runs], quantity)
    values = scrolled(heading, _value_table(runs, rows))
    return (
        figure(heading, drawing, caption)
        + f'<details><summary>In numbers: {quantity} of {len(rows):,} classes</summary>{values}'
        + '</details>'
    )


def bias_figure(rows: Sequence[ClassRow], run_names: Sequence[str], quantity: str) -> str:
    """In order and shuffled, a panel for each run, and below the log ratios of all runs."""
    titles = shorten_names(run_names)
    count = len(titles)
    groups = [row.group for row in rows]
    names = [row.name for row in rows]
    with ClassFigure(
        names, groups, height=3.4 + (2.0 if count == 1 else 2.3 * count), panels=count + 1
    ) as drawing:
        for run, (axes, title) in enumerate(zip(drawing.axes, titles)):
            in_order, shuffled = (column(rows, run, key) for key in ('original', 'shuffled'))
            drawing.group_bars(axes, in_order, 'in order', width=0.42, offset=-0.21)
            add_bars(axes, shuffled, COMPARED_COLOR, 'shuffled', width=0.42, offset=0.21)
            percent_axis(axes, f'{quantity} (%)', chance=None)
            if count > 1:  # above the legend
                axes.set_title(title, loc='left', pad=20, fontsize=9, fontweight='bold')
        _draw_ratios(drawing.axes[-1], rows, titles)
        key = f'shuffle-{quantity.lower()}'
        label = f'{quantity} of each class in order and shuffled, and the log ratio'
        return drawing.to_svg(key, label, [_hover(row, run_names, quantity) for row in rows])


def _draw_ratios(axes, rows: Sequence[ClassRow], run_names: Sequence[str]) -> None:
    count = len(run_names)
    width = 0.8 / count
    ratios = [column(rows, run, 'log_ratio') for run in range(count)]
    errors = [column(rows, run, 'log_ratio_std_error') for run in range(count)]
    known = np.concatenate(ratios)
    spread = np.nan_to_num(np.concatenate(errors))
    finite = np.isfinite(known)
    high = max(0.1, (known + spread)[finite].max(initial=0))
    low = min(0, (known - spread)[finite].min(initial=0))
    for run, name in enumerate(run_names):
        offset = (run + 0.5) * width - 0.4
        color = RUN_COLORS[run % len(RUN_COLORS)]
        label = name if count > 1 else None
        finite = np.where(np.isfinite(ratios[run]), ratios[run], np.nan)
        add_bars(axes, finite, color, label, width=width, offset=offset)
        shown = np.where(errors[run] > 0, errors[run], np.nan)
        add_lines(axes, finite - shown, finite + shown, INK, 1.0, offset=offset)
        for infinite, marker, level in ((np.inf, '^', 1.12 * high), (-np.inf, 'v', 1.12 * low)):
            at = np.flatnonzero(ratios[run] == infinite)
            style = dict(color=color, marker=marker, linestyle='none', markersize=5)
            axes.plot(at + offset, np.full(len(at), level), clip_on=False, **style)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_ylim(1.2 * low - 0.02 * high, 1.2 * high)
    axes.set_ylabel('log ratio')


def _hover(row: ClassRow, run_names: Sequence[str], quantity: str) -> str:
    told = [
        f'{quantity} {percent(row.value(run, "original"))} in order, '
        f'{percent(row.value(run, "shuffled"))} shuffled, log ratio {tell_ratio(row, run)}'
        for run in range(len(run_names))
    ]
    if len(told) > 1:
        told = [f'{name}: {text}' for name, text in zip(run_names, told)]
    return f'{row.name}: {"; ".join(told)}'
