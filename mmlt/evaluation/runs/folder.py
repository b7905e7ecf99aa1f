"""The files of an evaluated run: ``metrics.json`` and ``per_class.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from mmlt.evaluation.runs.tasks import get_task
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.json_files import to_json
from mmlt.fileio.json_schema import read_versioned

METRICS_FILE = 'metrics.json'
DETECTIONS_FILE = 'detections.parquet'
PER_CLASS_FILE = 'per_class.csv'
#: Of metrics.json; it rises where a key that readers rely on goes or changes its meaning.
FORMAT_VERSION = 1


def write_results(
    metrics: Mapping, out_dir: str | Path, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write ``metrics.json`` (strict JSON) and ``per_class.csv`` (full precision) to a folder.

    ``metrics.json`` gets its content last and at once, so where that can be read the other file is
    whole too. Of two processes that write to the same new folder one gets a ``FileExistsError``
    and leaves the other's files alone.

    Args:
        metrics: What an evaluation returned: plain Python values; 'per_class' maps a class name to
            its row. The file has ``format_version`` before them.
        out_dir: The folder; made if absent.
        overwrite: Whether existing files may be replaced.

    Returns:
        The two paths.

    Raises:
        FileExistsError: One of the files exists and ``overwrite`` is false.
    """
    text = to_json({'format_version': FORMAT_VERSION, **metrics})
    columns = get_task(metrics).columns
    paths = Path(out_dir) / METRICS_FILE, Path(out_dir) / PER_CLASS_FILE
    with (
        atomic_write(paths[0], overwrite=overwrite) as json_file,
        atomic_write(paths[1], overwrite=overwrite) as csv_file,
    ):
        json_file.write_text(text, encoding='utf-8')
        with open(csv_file, 'w', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, columns, lineterminator='\n')
            writer.writeheader()  # the csv module writes None as an empty field, floats by repr
            writer.writerows({'name': name, **row} for name, row in metrics['per_class'].items())
    return paths


def read_metrics(file: str | Path) -> dict:
    """The content of a ``metrics.json`` as :func:`write_results` got it, of any task, unchecked.

    See :func:`mmlt.evaluation.runs.read.read_run` for one that is checked.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of a newer format, or no strict JSON.
    """
    return read_versioned(file, FORMAT_VERSION)
