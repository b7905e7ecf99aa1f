"""The run folders of a report: what is in them, and what to call them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmlt.evaluation.run_folder import METRICS_FILE
from mmlt.evaluation.run_metrics import Run, read_run
from mmlt.evaluation.run_tasks import CLASSIFICATION
from mmlt.evaluation.shuffle_bias import SHUFFLE_BIAS_FILE, read_shuffle_bias

_BARE = f'only a {SHUFFLE_BIAS_FILE}'
_CLASSIFIER = f'the {METRICS_FILE} of a classifier'
_DETECTOR = f'the {METRICS_FILE} of a detector'


def read_runs(paths: Sequence[Path], names: Sequence[str] | None = None) -> list[Run]:
    """The runs as a report calls them: by ``names``, else so that no two share a name.

    Args:
        paths: Run folders, or a ``metrics.json`` or ``shuffle_bias.json`` in one.
        names: A name for each.

    Raises:
        FileNotFoundError: A folder has neither file.
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
    folder = path if path.is_dir() else path.parent
    shuffle_bias = read_shuffle_bias(folder)
    file = folder / METRICS_FILE if path.is_dir() or path.name == SHUFFLE_BIAS_FILE else path
    if shuffle_bias is not None and not file.exists():
        return Run(folder.resolve().name, {}, shuffle_bias)
    return read_run(file)._replace(shuffle_bias=shuffle_bias)


def _of_one_kind(runs: list[Run]) -> list[Run]:
    """The runs; where one holds shuffle bias alone, that of all, if the others are classifiers."""
    kinds: dict[str, list[Run]] = {}
    for run in runs:
        kinds.setdefault(_kind(run), []).append(run)
    if len(kinds) == 1:
        return runs
    if _BARE in kinds and _DETECTOR not in kinds and all(run.shuffle_bias for run in runs):
        return [run._replace(metrics={}) for run in runs]
    listed = '; '.join(f'{", ".join(run.name for run in own)}: {k}' for k, own in kinds.items())
    raise ValueError(f'runs: {listed}; make a report of each kind')


def _kind(run: Run) -> str:
    if not run.metrics:
        return _BARE
    return _CLASSIFIER if run.task is CLASSIFICATION else _DETECTOR


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
