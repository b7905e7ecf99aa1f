"""What one run gains on another: means, their intervals, and the terminal's table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmlt.evaluation.runs.intervals import gain_interval
from mmlt.evaluation.runs.read import Run, number_or_nan, share_classes
from mmlt.evaluation.runs.schema import percent, signed_points
from mmlt.evaluation.runs.undetected import frame_map_as_zero, leaves_out, undetected_classes
from mmlt.fileio.class_split import GROUPS


class Mean(NamedTuple):
    """A mean of a run, or the gain of one run on another; ``None`` is what is not known."""

    value: float  # NaN where undefined
    interval: Mapping | None = None  # 'low' and 'high'
    as_zero: float | None = None  # a frame-mAP with the undetected classes as 0, if that differs


def mean_of_run(run: Run, group: str | None, key: str) -> Mean:
    """One mean of a run over a group of classes (None: over all)."""
    means = run.metrics if group is None else run.metrics['groups'].get(group, {})
    known = run.intervals['means'] if run.intervals else {}
    as_zero = frame_map_as_zero(run.metrics, group) if _has_gaps(run, group, key) else None
    return Mean(number_or_nan(means.get(key)), known.get(_name(group, key)), as_zero)


def gain_of_run(first: Run, second: Run, group: str | None, key: str) -> Mean:
    """How far the second run's mean is above the first's."""
    value = mean_of_run(second, group, key).value - mean_of_run(first, group, key).value
    interval = gain_interval(first.intervals, second.intervals, _name(group, key))
    as_zero = None
    if _has_gaps(first, group, key) or _has_gaps(second, group, key):
        if undetected(first, group) != undetected(second, group):
            before, after = (frame_map_as_zero(run.metrics, group) for run in (first, second))
            as_zero = after - before
    return Mean(value, interval, as_zero)


def undetected(run: Run, group: str | None = None) -> set[str]:
    """The classes (of a group) that the frame-mAP of a detector leaves out."""
    names = undetected_classes(run.metrics, group)
    return set(names) if names and leaves_out(run.metrics) else set()


def _has_gaps(run: Run, group: str | None, key: str) -> bool:
    return key in run.task.as_zero and bool(undetected(run, group))


def _name(group: str | None, key: str) -> str:
    return f'{group or "all"}/{key}'


def print_gains(runs: Sequence[Run], console: Console | None = None) -> None:
    """Print what each further run gains on the first, with the interval where it is known."""
    first, task = runs[0], runs[0].task
    for run in runs[1:]:
        if not share_classes(first, run):
            continue
        title = f'gain of {escape(run.name)} on {escape(first.name)}, in points'
        if any(gain_of_run(first, run, None, key).interval for key in task.means):
            title += ', 95% interval over resampled videos'
        table = Table(title=title, title_justify='left')
        table.add_column('classes')
        for heading in task.means.values():
            table.add_column(heading, justify='right')
        for group in (None, *GROUPS):
            if share_classes(first, run, group):
                gains = (gain_of_run(first, run, group, key) for key in task.means)
                table.add_row(group or 'all', *map(_tell, gains))
        (console or Console()).print(table)


def _tell(gain: Mean) -> str:
    text = signed_points(gain.value)
    if gain.interval:
        text += rf' \[{tell_gain_interval(gain.interval)}]'
    if gain.as_zero is not None:
        text += f' ({signed_points(gain.as_zero)} with undetected as 0)'
    return text


def tell_interval(interval: Mapping) -> str:
    """The interval of a mean, e.g. '45.1, 50.2'."""
    return f'{percent(interval["low"])}, {percent(interval["high"])}'


def tell_gain_interval(interval: Mapping) -> str:
    """The interval of a gain, e.g. '−0.4, +2.1'."""
    return f'{signed_points(interval["low"])}, {signed_points(interval["high"])}'
