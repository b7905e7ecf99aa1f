"""The run folders of a report: what is in them, and what to call them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mmlt.evaluation.bootstrap import Excluded, videos_of
from mmlt.evaluation.runs.folder import DETECTIONS_FILE, METRICS_FILE
from mmlt.evaluation.runs.intervals import (
    INTERVALS_FILE,
    difference,
    make_intervals,
    read_intervals,
    write_intervals,
)
from mmlt.evaluation.runs.origin import find_origin
from mmlt.evaluation.runs.read import Run, read_run
from mmlt.evaluation.shuffle_bias import SHUFFLE_BIAS_FILE, read_shuffle_bias
from mmlt.fileio.detections import read_detections
from mmlt.functional import AVABoxes

_BARE = f'only a {SHUFFLE_BIAS_FILE}'
_MOST_SUGGESTED = 3


def read_runs(paths: Sequence[Path], names: Sequence[str] | None = None) -> list[Run]:
    """The runs as a report calls them: by ``names``, else so that no two share a name.

    Args:
        paths: Run folders, or a ``metrics.json`` or ``shuffle_bias.json`` in one.
        names: A name for each.

    Raises:
        FileNotFoundError: A folder has neither file; where folders in it have, they are named.
        ValueError: A file is malformed, or the runs are not all detectors, all classifiers, or all
            with shuffle bias.
    """
    runs = _of_one_kind([_read(path) for path in paths])
    if names:
        return [run._replace(name=name) for run, name in zip(runs, names)]
    return _distinguish(runs, paths)


def _read(path: Path) -> Run:
    if not path.exists():
        return read_run(path)  # says so
    folder = folder_of(path)
    shuffle_bias = read_shuffle_bias(folder)
    file = folder / METRICS_FILE if path.is_dir() or path.name == SHUFFLE_BIAS_FILE else path
    origin = find_origin(folder)
    if shuffle_bias is not None and not file.exists():
        return Run(folder.resolve().name, {}, shuffle_bias, origin=origin)
    if path.is_dir() and not file.exists():
        raise FileNotFoundError(f'{path}: holds no {METRICS_FILE}{_suggestion(path)}')
    run = read_run(file)._replace(shuffle_bias=shuffle_bias, origin=origin)
    return _add_intervals(run, folder) if run.task.has_intervals else run


def folder_of(path: Path) -> Path:
    """The folder of a run that is given by its folder or a file in it."""
    return path if path.is_dir() else path.parent


def _suggestion(folder: Path) -> str:
    """Which folders below, at most two levels down, have results; the latest first."""
    names = (METRICS_FILE, SHUFFLE_BIAS_FILE)
    for level in ('*', '*/*'):
        found = {file.parent for name in names for file in folder.glob(f'{level}/{name}')}
        listed = [str(run) for run in sorted(found, reverse=True)]
        if listed:
            more = f' and {len(listed) - _MOST_SUGGESTED} more' if listed[_MOST_SUGGESTED:] else ''
            verb = 'has' if len(listed) == 1 else 'have'
            return f', but {", ".join(listed[:_MOST_SUGGESTED])}{more} {verb}: name the run itself'
    return ', nor does a folder in it'


def _add_intervals(run: Run, folder: Path) -> Run:
    """The run with its intervals, or with a remark why it has none."""
    intervals = read_intervals(folder)
    if intervals is None:
        there = (folder / DETECTIONS_FILE).is_file()
        return run._replace(remark=None if there else f'keeps no {DETECTIONS_FILE}')
    values = {name: interval['value'] for name, interval in intervals['means'].items()}
    differing = difference(values, run.metrics)
    if differing:
        return run._replace(remark=f'has an {INTERVALS_FILE} of another evaluation ({differing})')
    return run._replace(intervals=intervals)


def add_intervals(
    path: Path,
    ground_truth: AVABoxes,
    excluded: Excluded,
    *,
    num_resamples: int,
    seed: int,
    overwrite: bool = False,
    on_resample: Callable[[], object] | None = None,
) -> None:
    """Write the ``intervals.json`` of a detector's run, unless it is there from the same draws.

    Raises:
        FileExistsError: It is there from other draws and ``overwrite`` is false.
        FileNotFoundError: The run keeps no ``detections.parquet``.
        ValueError: The run is no detector's, or the inputs are not those it was evaluated on.
    """
    run, folder = _read(path), folder_of(path)
    if not run.metrics or not run.task.has_intervals:
        raise ValueError(f'{path}: intervals are made of detectors, this is {_kind(run)}')
    wanted = {'num_resamples': num_resamples, 'seed': seed, 'videos': videos_of(ground_truth)}
    if run.intervals and wanted.items() <= run.intervals.items():
        return
    if (folder / INTERVALS_FILE).exists() and not overwrite:
        raise FileExistsError(
            f'{folder / INTERVALS_FILE}: of other draws or another evaluation; pass --overwrite to '
            'replace it'
        )
    draws = dict(num_resamples=num_resamples, seed=seed, on_resample=on_resample)
    detections = read_dump(folder)
    try:
        intervals = make_intervals(run.metrics, detections, ground_truth, excluded, **draws)
    except ValueError as error:
        raise ValueError(f'{folder}: {error}') from None
    write_intervals(intervals, folder, overwrite=overwrite)


def read_dump(folder: Path) -> AVABoxes:
    """Every detection of a run.

    Raises:
        FileNotFoundError: It keeps no ``detections.parquet``; says how to get one.
    """
    file = folder / DETECTIONS_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f'{file}: no such file; evaluate with test_evaluator.dump={DETECTIONS_FILE} or '
            'evaluate_ava.py --dump'
        )
    return read_detections(file)


def _of_one_kind(runs: list[Run]) -> list[Run]:
    """The runs; where one holds shuffle bias alone, that of all, if the others are classifiers."""
    kinds: dict[str, list[Run]] = {}
    for run in runs:
        kinds.setdefault(_kind(run), []).append(run)
    if len(kinds) == 1:
        return runs
    is_of_clips = all(not run.metrics or run.task.is_of_clips for run in runs)
    if _BARE in kinds and is_of_clips and all(run.shuffle_bias for run in runs):
        return [run._replace(metrics={}) for run in runs]
    listed = '; '.join(f'{", ".join(run.name for run in own)}: {k}' for k, own in kinds.items())
    raise ValueError(f'runs: {listed}; make a report of each kind')


def _kind(run: Run) -> str:
    return f'the {METRICS_FILE} of a {run.task.name}' if run.metrics else _BARE


def _distinguish(runs: list[Run], paths: Sequence[Path]) -> list[Run]:
    """Runs in folders of the same name get the folder above put before it, or a number."""
    seen = [run.name for run in runs]
    for index, run in enumerate(runs):
        if seen.count(run.name) > 1:
            folder = paths[index].resolve()
            folder = folder if folder.is_dir() else folder.parent
            runs[index] = run._replace(name=f'{folder.parent.name}/{run.name}')
    if len({run.name for run in runs}) < len(runs):
        runs = [run._replace(name=f'{run.name} ({i})') for i, run in enumerate(runs, 1)]
    return runs
