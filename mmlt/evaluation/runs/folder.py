"""The files of an evaluated run: ``metrics.json`` and ``per_class.csv``."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmlt.fileio.atomic_write import atomic_write

METRICS_FILE = 'metrics.json'
PER_CLASS_FILE = 'per_class.csv'


def write_run_files(
    metrics: Mapping, out_dir: str | Path, columns: Sequence[str], *, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write ``metrics.json`` (strict JSON) and ``per_class.csv`` (full precision) to a folder.

    ``metrics.json`` gets its content last and at once, so where that can be read the other file is
    whole too. Of two processes that write to the same new folder one gets a ``FileExistsError``
    and leaves the other's files alone.

    Args:
        metrics: Plain Python values; 'per_class' maps a class name to its row.
        out_dir: The folder; made if absent.
        columns: Header of the CSV: 'name' and keys of the rows.
        overwrite: Whether existing files may be replaced.

    Returns:
        The two paths.

    Raises:
        FileExistsError: One of the files exists and ``overwrite`` is false.
    """
    text = json.dumps(metrics, indent=1, allow_nan=False, ensure_ascii=False) + '\n'
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
