"""The means of groups with their intervals as whiskers, and the gains of one run on another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mmlt.evaluation.report.figures import RUN_COLORS, shorten_names
from mmlt.evaluation.report.html import escape, figure, section, tag
from mmlt.evaluation.report.inline import inline_svg
from mmlt.evaluation.report.shapes import INK
from mmlt.evaluation.report.summary import present_groups
from mmlt.evaluation.report.svg import FONT_SIZE, WIDTH, drawing_style
from mmlt.evaluation.runs.gains import Mean, gain_of_run, mean_of_run
from mmlt.evaluation.runs.intervals import FEW_VIDEOS, are_paired
from mmlt.evaluation.runs.read import Run, share_classes
from mmlt.evaluation.runs.schema import percent, signed_points
from mmlt.evaluation.runs.undetected import list_names

HEADING = 'How sure the means are'
_CAPTION = (
    'Point: mean over the classes of a group; line: its 95% interval, from {resamples} resamples '
    'of the {videos} test videos, drawn with replacement. A group with few boxes has a wide one.'
)
_GAINS = (
    ' Below: what is gained on {first}, and its interval from the same resamples for both runs; '
    'where it does not hold 0, other videos would hardly have turned the sign.'
)
_FEW = ' So few videos make intervals that are too narrow.'
_OUTSIDE = (
    ' Where a point lies outside its line ({which}), classes that only a few videos hold are not '
    'in most of the resamples, and the line says little.'
)
_COMMAND = (
    'Intervals take the test set: <code>python tools/analysis/report.py {runs} --ground-truth '
    'ANNOTATIONS.csv [--exclude EXCLUDED.csv]</code> computes them from the '
    '<code>detections.parquet</code> of each run.'
)
_NO_DUMP = (
    ' A run keeps its detections if it is evaluated with '
    '<code>test_evaluator.dump=detections.parquet</code> or <code>evaluate_ava.py --dump</code>.'
)
_OFFSET = 0.16
_Tell = Callable[[float], str]


def intervals_section(runs: Sequence[Run]) -> str:
    """The drawing; '' where no run has intervals."""
    known = [run for run in runs if run.intervals]
    if not known:
        return ''
    intervals = [run.intervals for run in known]
    caption = _CAPTION.format(
        resamples=' or '.join(dict.fromkeys(f'{own["num_resamples"]:,}' for own in intervals)),
        videos=' or '.join(dict.fromkeys(f'{len(own["videos"]):,}' for own in intervals)),
    )
    if any(len(own['videos']) < FEW_VIDEOS for own in intervals):
        caption += _FEW
    outside = _outside(known)
    if outside:
        caption += _OUTSIDE.format(which=escape(list_names(outside)))
    if any(_is_paired(runs[0], run) for run in runs[1:]):
        caption += _GAINS.format(first=escape(runs[0].name))
    return section(HEADING, figure(HEADING, _drawing(runs), caption))


def intervals_hint(runs: Sequence[Run]) -> str:
    """How to get the intervals that are missing; '' where none is, or no run can have any."""
    if not runs[0].task.has_intervals:
        return ''
    lacking = [run for run in runs if not run.intervals]
    if not lacking:
        known = [run.name for run in runs[1:] if not are_paired(runs[0].intervals, run.intervals)]
        if not known:
            return ''
        told = f'{", ".join(known)}: other resamples or videos than {runs[0].name}’s'
        return tag('p', f'{escape(told)}; the gain has no interval.', 'hint')
    remarks = [f'{run.name} {run.remark}' for run in lacking if run.remark]
    text = f'{escape("; ".join(remarks))}. ' if remarks else ''
    text += _COMMAND.format(runs=' '.join(['RUN'] * len(runs)))
    if any(run.remark and run.remark.startswith('keeps no') for run in lacking):
        text += _NO_DUMP
    return tag('p', text, 'hint')


def _outside(runs: Sequence[Run]) -> list[str]:
    """The means that lie outside their own intervals, each once."""
    titles, found = runs[0].task.means, {}
    for run in runs:
        for name, interval in run.intervals['means'].items():
            if not interval['low'] <= interval['value'] <= interval['high']:
                group, _, key = name.partition('/')
                found[f'{titles[key]} of {group}'] = None
    return list(found)


def _is_paired(first: Run, run: Run) -> bool:
    return are_paired(first.intervals, run.intervals) and share_classes(first, run)


def _drawing(runs: Sequence[Run]) -> str:
    """A panel for each measure; below, where draws are paired, one for its gains."""
    task, groups = runs[0].task, [None, *present_groups(runs)]
    compared = [run for run in runs[1:] if _is_paired(runs[0], run)]
    with drawing_style(FONT_SIZE):
        from matplotlib.figure import Figure

        count = 2 if compared else 1
        drawing = Figure(figsize=(WIDTH, 0.7 + 2.5 * count), layout='constrained')
        panels = drawing.subplots(count, len(task.means), squeeze=False)
        for column, (key, title) in enumerate(task.means.items()):
            means = [[mean_of_run(run, group, key) for group in groups] for run in runs]
            _draw(panels[0, column], means, range(len(runs)), percent)
            panels[0, column].set_title(f'{title} (%)', loc='left', fontsize=FONT_SIZE)
            if compared:
                gains = [[gain_of_run(runs[0], r, g, key) for g in groups] for r in compared]
                _draw(panels[1, column], gains, [runs.index(r) for r in compared], signed_points)
                panels[1, column].set_title(f'{title}: gain', loc='left', fontsize=FONT_SIZE)
                panels[1, column].axhline(0, color=INK, linewidth=0.8)
        for axes in panels.flat:
            axes.set_xticks(range(len(groups)), [group or 'all' for group in groups])
            axes.set_xlim(-0.6, len(groups) - 0.4)
        if len(runs) > 1:
            names = shorten_names([run.name for run in runs])
            handles = [panels[0, 0].plot([], [], 'o', color=_color(i))[0] for i in range(len(runs))]
            drawing.legend(handles, names, loc='outside upper left', ncols=min(len(runs), 4))
        return inline_svg(drawing, 'means', _label(runs))


def _label(runs: Sequence[Run]) -> str:
    return f'Means of each group with 95% intervals: {", ".join(run.name for run in runs)}'


def _draw(axes, series: Sequence[Sequence[Mean]], colors: Sequence[int], tell: _Tell) -> None:
    """Points with whiskers, a series for each run, side by side over each group."""
    ends = []
    for place, (means, color) in enumerate(zip(series, colors)):
        x = np.arange(len(means)) + _OFFSET * (place - (len(series) - 1) / 2)
        values = np.array([mean.value for mean in means])
        low, high = (
            np.array([mean.interval[end] if mean.interval else math.nan for mean in means])
            for end in ('low', 'high')
        )
        ends += [values, low, high]
        axes.vlines(x, low, high, color=_color(color), linewidth=1.6)
        axes.plot(x, values, 'o', color=_color(color), markersize=4.5)
    known = np.concatenate(ends)
    known = known[np.isfinite(known)]
    if len(known):
        margin = 0.12 * max(np.ptp(known), 0.02)
        axes.set_ylim(known.min() - margin, known.max() + margin)
    axes.yaxis.set_major_formatter(lambda value, _: tell(value).replace('.0', ''))


def _color(run: int) -> str:
    return RUN_COLORS[run % len(RUN_COLORS)]
