"""What shuffled frames cost: rows of original against shuffled values, as tables and files.

K shuffles, N videos. A row is a dictionary of ``original``, ``shuffled`` (mean over the shuffles),
``shuffles`` (each of them), ``log_ratio`` and ``log_ratio_std_error``; None where undefined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmlt.fileio.json_files import write_json
from mmlt.fileio.json_schema import check_keys, check_object, read_versioned
from mmlt.functional import representation_bias, representation_bias_std_error

SHUFFLE_BIAS_FILE = 'shuffle_bias.json'
#: Of the file; it rises where a key that readers rely on goes or changes its meaning.
FORMAT_VERSION = 1
_FILE_KEYS = {
    'num_shuffles': 'count',
    'seed': 'integer',
    'num_samples': 'count',
    'metrics': 'object',
    'per_class': 'object',
}
_ROW_KEYS = {
    'original': 'number or null',
    'shuffled': 'number or null',
    'log_ratio': 'ratio or null',
    'log_ratio_std_error': 'number or null',
}
_MOST_CLASSES = 20  # of a printed table; the file has all


def compare(original: float, shuffles: Sequence[float]) -> dict:
    """The row of one value; its log ratio where all values are accuracies or like them.

    Args:
        original: The value in order.
        shuffles: (K,) values with shuffled frames.
    """
    values = [original, *shuffles]
    if not all(math.isfinite(value) and 0 <= value <= 100 for value in values):
        finite = [value if math.isfinite(value) else None for value in values]
        return dict(
            original=finite[0],
            shuffled=None,
            shuffles=finite[1:],
            log_ratio=None,
            log_ratio_std_error=None,
        )
    shuffled = float(np.mean(shuffles))
    log_ratio = representation_bias(original, shuffled)
    std_error = representation_bias_std_error(shuffles)
    return dict(
        original=float(original),
        shuffled=shuffled,
        shuffles=[float(value) for value in shuffles],
        log_ratio=None if math.isnan(log_ratio) else log_ratio,
        log_ratio_std_error=None if math.isnan(std_error) else std_error,
    )


def compare_accuracy(
    labels: np.ndarray, hits: np.ndarray, class_names: Sequence[str] | None = None
) -> tuple[dict, dict[str, dict]]:
    """The row of the accuracy over all videos, and one for each class that has a video.

    Args:
        labels: (N,) class of each video.
        hits: (N, 1 + K) whether it was recognised, in order and in each shuffle.
        class_names: Name of each class; None calls them by number.

    Returns:
        The overall row; ``{name: {id, num_videos, and the row}}`` in the order of the classes.

    Raises:
        ValueError: a label has no name, or two have the same.
    """
    per_class = {}
    for label in np.unique(labels).tolist():
        if class_names is not None and not 0 <= label < len(class_names):
            raise ValueError(f'label {label}: {len(class_names)} classes have names')
        name = class_names[label] if class_names is not None else f'class {label}'
        if name in per_class:
            raise ValueError(
                f'classes {per_class[name]["id"]} and {label} are both called {name!r}'
            )
        own = hits[labels == label]
        per_class[name] = {'id': label, 'num_videos': len(own), **_compare_means(own)}
    return _compare_means(hits), per_class


def _compare_means(hits: np.ndarray) -> dict:
    accuracies = hits.mean(axis=0)
    return compare(float(accuracies[0]), accuracies[1:].tolist())


def write_shuffle_bias(result: Mapping, folder: str | Path, overwrite: bool = False) -> Path:
    """Write ``shuffle_bias.json``, first its ``format_version``.

    It is strict JSON; an infinite log ratio is the text 'inf' or '-inf'.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is false.
    """
    path = Path(folder) / SHUFFLE_BIAS_FILE
    content = {'format_version': FORMAT_VERSION, **_strict(result)}
    write_json(path, content, overwrite=overwrite)
    return path


def read_shuffle_bias(folder: str | Path) -> dict | None:
    """Read and check ``shuffle_bias.json``; an infinite log ratio is a float again.

    Returns:
        The result as :func:`write_shuffle_bias` got it; None where the folder has no such file.

    Raises:
        ValueError: it is not strict JSON, of a newer format, or a key is missing or wrong.
    """
    file = Path(folder) / SHUFFLE_BIAS_FILE
    if not file.is_file():
        return None
    result = read_versioned(file, FORMAT_VERSION)
    check_keys(result, _FILE_KEYS, str(file))
    for part in ('metrics', 'per_class'):
        for name, row in result[part].items():
            where = f'{file}: {part!r}, {name!r}'
            check_object(row, where)
            check_keys(row, _ROW_KEYS, where)
            if part == 'per_class':
                check_keys(row, {'id': 'integer', 'num_videos': 'count'}, where)
            if isinstance(row['log_ratio'], str):
                row['log_ratio'] = float(row['log_ratio'])
    return result


def _strict(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _strict(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def print_shuffle_bias(
    result: Mapping, console: Console | None = None, name: str | None = None
) -> None:
    """Print the overall rows, then the classes, those recognised by looks first.

    Args:
        result: As :func:`write_shuffle_bias` takes it.
        console: Where to print; None is standard output.
        name: What the run is called; it opens the title.
    """
    title = f'{result["num_shuffles"]} shuffles'
    table = Table(title=f'{escape(name)}: {title}' if name else title, title_justify='left')
    table.add_column('')
    for heading in ('original', 'shuffled', 'log ratio', 'std error'):
        table.add_column(heading, justify='right')
    overall = {name: row for name, row in result['metrics'].items() if name.count('/') <= 1}
    classes = {k: v for k, v in result['per_class'].items() if v['log_ratio'] is not None}
    ordered = sorted(classes.items(), key=lambda entry: entry[1]['log_ratio'])
    for name, row in [*overall.items(), *_ends(ordered)]:
        values = (row[key] for key in ('original', 'shuffled', 'log_ratio', 'log_ratio_std_error'))
        cells = ('–' if value is None else f'{value:.3f}' for value in values)
        table.add_row(escape(name), *cells)
    if len(ordered) > _MOST_CLASSES:
        table.caption = (
            f'{_MOST_CLASSES} of {len(ordered)} classes, the least and the largest ratios'
        )
    (console or Console()).print(table)


def _ends(rows: list) -> list:
    half = _MOST_CLASSES // 2
    return rows if len(rows) <= _MOST_CLASSES else [*rows[:half], *rows[-half:]]
