"""The run folders of a report: what is in them, and what to call them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mmlt.evaluation.run_folder import METRICS_FILE
from mmlt.evaluation.run_metrics import Run, read_run
from mmlt.evaluation.shuffle_bias import SHUFFLE_BIAS_FILE, read_shuffle_bias


def read_runs(paths: Sequence[Path], names: Sequence[str] | None = None) -> list[Run]:
    """The runs as a report calls them: by ``names``, else so that no two share a name.

    Args:
        paths: Run folders, or a ``metrics.json`` or ``shuffle_bias.json`` in one.
        names: A name for each.

    Raises:
        FileNotFoundError: A folder has neither file.
        ValueError: A file is malformed, or some runs have a detector's ``metrics.json`` and others
            nothing but shuffle bias.
    """
    runs = [_read(path) for path in paths]
    bare = [run.name for run in runs if not run.metrics]
    if bare and len(bare) < len(runs):
        raise ValueError(
            f'runs: {", ".join(bare)}: only a {SHUFFLE_BIAS_FILE}, while others have the '
            f'{METRICS_FILE} of a detector; make a report of each kind'
        )
    if names:
        return [run._replace(name=name) for run, name in zip(runs, names)]
    return _distinguish(runs, paths)


def _read(path: Path) -> Run:
    if not path.exists():
        return read_run(path)  # says so
    folder = path if path.is_dir() else path.parent
    shuffle_bias = read_shuffle_bias(folder)
    file = folder / METRICS_FILE if path.is_dir() or path.name == SHUFFLE_BIAS_FILE else path
    if shuffle_bias is not None and (not file.exists() or _is_of_a_classifier(file)):
        return Run(folder.resolve().name, {}, shuffle_bias)
    return read_run(file)._replace(shuffle_bias=shuffle_bias)


def _is_of_a_classifier(file: Path) -> bool:
    try:
        return 'task' in json.loads(file.read_text(encoding='utf-8'))
    except (TypeError, ValueError):  # reading it as a detector's says what is wrong
        return False


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
