"""Reads the ``metrics.json`` of evaluated runs and lines up their classes for a report."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from mmlt.evaluation.runs.folder import METRICS_FILE, read_metrics
from mmlt.evaluation.runs.schema import ResultSchema
from mmlt.evaluation.runs.tasks import get_task
from mmlt.fileio.json_schema import check_keys, check_object, check_value


class Run(NamedTuple):
    """One evaluated run: how a report calls it, and the checked content of its files.

    ``metrics`` is empty where the run has nothing but ``shuffle_bias``. ``origin`` says where the
    run came from, and ``remark`` what stands in the way of its intervals.
    """

    name: str
    metrics: Mapping
    shuffle_bias: Mapping | None = None
    intervals: Mapping | None = None
    origin: Mapping[str, str] = MappingProxyType({})
    remark: str | None = None

    @property
    def task(self) -> ResultSchema:
        """What kind of run it is; of one with ``metrics``."""
        return get_task(self.metrics)


class ClassRow(NamedTuple):
    """One class over all runs; ``entries[r]`` is None where run r does not know the class."""

    name: str
    class_id: int
    group: str | None
    num_train: int | None
    num_tested: int  # boxes, or samples
    entries: tuple[Mapping | None, ...]

    def value(self, run: int, key: str) -> float:
        """Number ``key`` of run ``run``; NaN where it is null or the run has no such class."""
        return number_or_nan((self.entries[run] or {}).get(key))

    def gain(self, run: int, key: str) -> float:
        """By how much run ``run`` is better than the first; NaN where either is undefined."""
        return self.value(run, key) - self.value(0, key)


def number_or_nan(value: float | None) -> float:
    """A JSON number as a float, null as NaN."""
    return math.nan if value is None else float(value)


def read_run(path: str | os.PathLike, name: str | None = None) -> Run:
    """Read a run folder (or the ``metrics.json`` in it) and check every key a report needs.

    Args:
        path: Folder that holds ``metrics.json``, or that file itself.
        name: What to call the run; None takes the folder's name.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not strict JSON, of a newer format, lacks a key, or a value has the wrong
            type or range; the message names the file, the key and the value.
    """
    path = Path(path)
    file = path / METRICS_FILE if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f'{file}: no such file (a run folder holds a {METRICS_FILE})')
    metrics = read_metrics(file)
    try:
        task = get_task(metrics)
    except ValueError as error:
        raise ValueError(f'{file}: {error}') from None
    later = {key: kind for key, kind in task.later_keys.items() if key in metrics}
    check_keys(metrics, {**task.run_keys, **later}, str(file))
    for group, means in metrics['groups'].items():
        check_value(group, 'group', f"{file}: 'groups'")
        check_object(means, f"{file}: 'groups', {group!r}")
        later = {key: kind for key, kind in task.later_keys.items() if key in means}
        check_keys(means, {**task.group_keys, **later}, f"{file}: 'groups', {group!r}")
    for class_name, entry in metrics['per_class'].items():
        check_object(entry, f"{file}: 'per_class', {class_name!r}")
        check_keys(entry, task.class_keys, f"{file}: 'per_class', {class_name!r}")
    if not metrics['per_class']:
        raise ValueError(f"{file}: key 'per_class' holds no class")
    return Run(name or file.resolve().parent.name, metrics)


def tell_num_classes(metrics: Mapping, group: str | None = None) -> str:
    """How many classes the means of a group (None: of all classes) are over, e.g. '7 of 29'."""
    if group is None:
        total = len(metrics['per_class'])
    else:
        total = metrics['groups'].get(group, {}).get('num_classes', 0)
    members = (entry for entry in metrics['per_class'].values() if group in (None, entry['group']))
    key = get_task(metrics).gains[0]
    scored = sum(entry[key] is not None for entry in members)
    return f'{total:,}' if scored == total else f'{scored:,} of {total:,}'


def share_classes(first: Run, second: Run, group: str | None = None) -> bool:
    """Whether any class (of a group) is scored in both runs, so that one can gain on the other."""
    key = first.task.gains[0]
    names = [
        {
            name
            for name, entry in run.metrics['per_class'].items()
            if entry[key] is not None and group in (None, entry['group'])
        }
        for run in (first, second)
    ]
    return not names[0].isdisjoint(names[1])


def join_classes(runs: Sequence[Run]) -> list[ClassRow]:
    """The union of the runs' classes, the most frequent in training first.

    Where no class has a training count, the number of evaluated boxes (of classifiers: samples)
    orders them. A class takes
    its counts and group from the first run that knows them.
    """
    tables = [run.metrics['per_class'] for run in runs]
    count_key = runs[0].task.count_key
    rows = []
    for name in dict.fromkeys(name for table in tables for name in table):
        entries = tuple(table.get(name) for table in tables)
        known = [entry for entry in entries if entry is not None]
        rows.append(
            ClassRow(
                name=name,
                class_id=known[0]['id'],
                group=_first_known(known, 'group'),
                num_train=_first_known(known, 'num_train'),
                num_tested=next((e[count_key] for e in known if e[count_key]), 0),
                entries=entries,
            )
        )
    return sorted(rows, key=_frequency_key)


def has_counts(rows: Sequence[ClassRow]) -> bool:
    """Whether any class has a training count, so that it, not the test set, orders the classes."""
    return any(row.num_train is not None for row in rows)


def compare_runs(runs: Sequence[Run], rows: Sequence[ClassRow]) -> list[str]:
    """What makes the runs less than comparable, a sentence each; [] where nothing does."""
    notes = []
    lacking = [sum(row.entries[index] is None for row in rows) for index in range(len(runs))]
    if any(lacking):
        partial = sum(None in row.entries for row in rows)
        per_run = ', '.join(f'{run.name} lacks {n}' for run, n in zip(runs, lacking))
        noun = 'class is' if partial == 1 else 'classes are'
        notes.append(
            f'{partial} {noun} not in every run ({per_run}); a dash stands for what a run lacks, '
            'and each mean is over the run’s own classes.'
        )
    for run in runs[1:]:
        if not share_classes(runs[0], run):
            score = run.task.scores[run.task.gains[0]]
            notes.append(
                f'No class has {score} in both {runs[0].name} and {run.name}: no gain is shown.'
            )
    for key in runs[0].task.conditions:
        values = [run.metrics[key] for run in runs]
        if any(value != values[0] for value in values):
            listed = ', '.join(f'{run.name}: {value}' for run, value in zip(runs, values))
            notes.append(f'The runs were not evaluated alike: {key} differs ({listed}).')
    for key, what in (('num_train', 'Training counts differ'), ('group', 'Groups differ')):
        differing = sum(
            len({entry[key] for entry in row.entries if entry is not None}) > 1 for row in rows
        )
        if differing:
            notes.append(
                f'{what} between the runs for {differing} of {len(rows)} classes; figures and '
                'class table show those of the first run that has any.'
            )
    return notes


def _frequency_key(row: ClassRow) -> tuple:
    count = -1 if row.num_train is None else row.num_train
    return -count, -row.num_tested, row.class_id, row.name


def _first_known(entries: Sequence[Mapping], key: str):
    return next((entry[key] for entry in entries if entry[key] is not None), None)
