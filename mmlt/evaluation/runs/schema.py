"""The results of each task: every measure under all its names, and what is told of a run.

Files, log, terminal and report take the names from here. The tasks, and so the whole of what a
further one takes, are in :mod:`mmlt.evaluation.runs.tasks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

_FRACTION = 'fraction or null'  # null where it is undefined
_EVERY_RUN = {
    'train_counts_source': 'text or null',
    'split_source': 'text or null',
    'groups': 'object',
    'per_class': 'object',
}
_EVERY_CLASS = {'id': 'integer', 'num_train': 'count or null', 'group': 'group or null'}


class Name(NamedTuple):
    """What a measure is called in one place."""

    key: str  # in metrics.json; of a class also the column of per_class.csv
    label: str | None = None  # in tables and figures; None: not shown
    log: str | None = None  # in the log, behind 'GROUP/' and before '/CLASS'; None: not logged


class Measure(NamedTuple):
    """One measure, a fraction; None where it does not appear.

    Both means, ``overall`` and in each ``group``, are over the classes that have a value.
    """

    overall: Name | None = None
    group: Name | None = None
    of_class: Name | None = None
    higher_is_better: bool = True
    chance: float | None = None  # of a class by random guesses, where it is the same for all
    deviation: str | None = None  # key of a class's standard deviation over random draws
    as_zero: str | None = None  # key of the mean with classes that were never detected as 0
    is_later: bool = False  # runs of older versions lack its means

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1

    @property
    def names(self) -> tuple[Name, ...]:
        """All of its names."""
        return tuple(name for name in (self.overall, self.group, self.of_class) if name)


class ResultSchema(NamedTuple):
    """What a run of one task holds, in the order of its files, and what is told of it."""

    task: str | None  # value of the key 'task'
    name: str  # what was evaluated
    noun: str  # what is counted of a class: boxes or samples
    measures: tuple[Measure, ...]
    gains: tuple[str, ...]  # scores whose gain is shown, and which come first; the first leads
    keys: Mapping[str, str]  # further keys of the run -> what their values must be
    conditions: tuple[str, ...]  # keys that are equal in runs that were evaluated alike
    title: str  # of the terminal's table: a template of keys
    facts: Mapping[str, Callable[[Mapping], str]]  # how the numbers came about
    explanation: str  # HTML; what the measures mean
    hint: str = ''  # what the summary must say besides
    later: Mapping[str, str] = MappingProxyType({})  # ``keys`` that runs of older versions lack
    logged_lengths: Mapping[str, str] = MappingProxyType({})  # name in the log -> key of a list
    has_intervals: bool = False  # whether its dump can be evaluated again on resampled videos
    is_of_clips: bool = False  # whether a ``shuffle_bias.json`` without it can be of this task

    @property
    def count_key(self) -> str:
        """The key of how many boxes or samples the scores of a class rest on."""
        return f'num_{self.noun}'

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of ``per_class.csv``."""
        return ('name', 'id', 'group', 'num_train', self.count_key, *self._names('of_class'))

    @property
    def run_keys(self) -> dict[str, str]:
        """Keys that every run has."""
        return {**self.keys, **self._kinds('overall', is_later=False), **_EVERY_RUN}

    @property
    def later_keys(self) -> dict[str, str]:
        """Keys of a run, or a group, that those of older versions lack."""
        return {**self._kinds('overall', is_later=True), **self.later}

    @property
    def group_keys(self) -> dict[str, str]:
        """Keys that every group has."""
        return {'num_classes': 'count', **self._kinds('group', is_later=False)}

    @property
    def group_means(self) -> tuple[str, ...]:
        """Key of each mean that a group, or a subset, has."""
        return tuple(self._names('group'))

    @property
    def class_keys(self) -> dict[str, str]:
        """Keys that every class has."""
        kinds = dict.fromkeys(self._names('of_class'), _FRACTION)
        return {**_EVERY_CLASS, self.count_key: 'count', **kinds}

    @property
    def overall(self) -> dict[str, str]:
        """Key of each mean of the whole run that is shown -> its label."""
        return self._labels('overall')

    @property
    def means(self) -> dict[str, str]:
        """The same of those that each group has too."""
        return self._labels('group')

    @property
    def scores(self) -> dict[str, str]:
        """Key of each score of a class that is shown -> its label."""
        return self._labels('of_class')

    @property
    def scores_of_means(self) -> dict[str, str]:
        """Key of each mean of a group -> key of the scores that it is the mean of."""
        return {m.group.key: m.of_class.key for m in self.measures if m.group and m.of_class}

    @property
    def as_zero(self) -> dict[str, str]:
        """Key of each mean that leaves classes out -> key of the one that counts them as 0."""
        return {m.overall.key: m.as_zero for m in self.measures if m.as_zero}

    def measure(self, key: str) -> Measure:
        """The measure that has this key, of a class or of a mean."""
        return next(m for m in self.measures if key in [name.key for name in m.names])

    def log_values(self, metrics: Mapping, per_class_keys: bool = False) -> dict[str, float]:
        """What mmengine logs: a flat dictionary, in which an undefined value is NaN.

        Args:
            metrics: The content of ``metrics.json``.
            per_class_keys: Whether the scores of single classes are among them.
        """
        flat = {log: metrics[key] for key, log in self._logs('overall')}
        flat |= {log: float(len(metrics[key])) for log, key in self.logged_lengths.items()}
        for group, means in metrics['groups'].items():
            flat |= {f'{group}/{log}': means[key] for key, log in self._logs('group')}
        for subset, means in metrics.get('subsets', {}).items():
            flat |= {f'{subset}/{log}': means[key] for key, log in self._logs('group')}
        for key, log in self._logs('of_class') if per_class_keys else ():
            flat |= {f'{log}/{name}': row[key] for name, row in metrics['per_class'].items()}
        return {log: math.nan if value is None else value for log, value in flat.items()}

    def _names(self, place: str) -> dict[str, Measure]:
        named = ((getattr(measure, place), measure) for measure in self.measures)
        return {name.key: measure for name, measure in named if name}

    def _kinds(self, place: str, *, is_later: bool) -> dict[str, str]:
        names = self._names(place).items()
        return {key: _FRACTION for key, measure in names if measure.is_later == is_later}

    def _logs(self, place: str) -> list[tuple[str, str]]:
        names = [getattr(measure, place) for measure in self._names(place).values()]
        return [(name.key, name.log) for name in names if name.log]

    def _labels(self, place: str) -> dict[str, str]:
        """Key -> label of those shown, the ones whose gain is shown first."""
        led = [self.measure(score) for score in self.gains]
        names = [getattr(m, place) for m in (*led, *(m for m in self.measures if m not in led))]
        return {name.key: name.label for name in names if name and name.label}


def percent(value: float | None) -> str:
    """A fraction in percent; undefined is an en dash.

    Example:
        >>> percent(0.4784), percent(float('nan')), percent(None)
        ('47.8', '–', '–')
    """
    return '–' if value is None or math.isnan(value) else f'{100 * value:.1f}'


def signed_points(value: float) -> str:
    """A difference of fractions in percentage points, with its sign.

    Example:
        >>> signed_points(0.0123), signed_points(-0.05), signed_points(-1e-9)
        ('+1.2', '−5.0', '0.0')
    """
    if math.isnan(value):
        return '–'
    text = f'{100 * value:+.1f}'
    return '0.0' if float(text) == 0 else text.replace('-', '−')
