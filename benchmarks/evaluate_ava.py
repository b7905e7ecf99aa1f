"""The whole call of ``tools/analysis/evaluate_ava.py`` at the size of AVA's validation set.

The rows of ``ava_eval.py``, as a CSV and as the Parquet file that ``mmlt.AVALongTailMetric`` dumps.
Every side is a process of its own, from its start to its end: CPU seconds and peak memory include
Python and all imports, and writing the report.

    python benchmarks/evaluate_ava.py --annotations ava_val_v2.1_pose_labels.csv
    python benchmarks/evaluate_ava.py --annotations ... --rows 100000      # a quick look
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from ava_eval import FULL_ROWS, make_workload

TOOL = pathlib.Path(__file__).parents[1] / 'tools' / 'analysis' / 'evaluate_ava.py'
READ_CSV = """
import sys
from pyarrow import csv
csv.read_csv(sys.argv[1], csv.ReadOptions(use_threads=False, autogenerate_column_names=True))
"""
READ_PARQUET = """
import sys
from pyarrow import parquet
parquet.read_table(sys.argv[1], use_threads=False)
"""


def make_files(annotations: str, folder: pathlib.Path, num_rows: int, seed: int) -> None:
    """Write the files of :func:`make_workload`, and the detections as Parquet."""
    from mmlt.fileio.detections import read_detections, write_detections

    make_workload(annotations, folder, num_rows, seed)
    write_detections(folder / 'detections.parquet', read_detections(folder / 'detections.csv'))


def commands_of(folder: pathlib.Path) -> dict[str, list]:
    """What each side runs."""
    options = ['--ground-truth', folder / 'truth.csv', '--label-map', folder / 'map.pbtxt']
    options += ['--exclude', folder / 'excluded.csv', '--train-counts', 'ava_v2.2']
    options += ['--out', folder / 'run', '--overwrite']
    csv, parquet = folder / 'detections.csv', folder / 'detections.parquet'
    return {
        'evaluate_ava.py, from CSV': [TOOL, csv, *options],
        'evaluate_ava.py, from Parquet': [TOOL, parquet, *options],
        'limit: pyarrow reads the CSV, one thread': ['-c', READ_CSV, csv],
        'limit: pyarrow reads the Parquet file, one thread': ['-c', READ_PARQUET, parquet],
        'its imports alone (--help)': [TOOL, '--help'],
    }


def run(command: list) -> tuple[float, float]:
    """CPU seconds and peak MB of a Python process."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--annotations', required=True, help='AVA CSV: the ground truth')
    parser.add_argument('--rows', type=int, default=FULL_ROWS, help='detections to evaluate')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--repeat', type=int, default=3, help='turns of all sides')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make = multiprocessing.get_context('spawn').Process(  # its memory is not ours
            target=make_files,
            args=(args.annotations, pathlib.Path(folder), args.rows, args.seed),
        )
        make.start()
        make.join()
        commands = commands_of(pathlib.Path(folder))
        turns = [
            {side: run(command) for side, command in commands.items()} for _ in range(args.repeat)
        ]
    print(f'{args.rows:,} rows, the median of {args.repeat} turns\n')
    print('| process | CPU s | least | peak MB |')
    print('|---|---|---|---|')
    for side in commands:
        seconds, megabytes = zip(*(turn[side] for turn in turns))
        peak = max(megabytes)
        print(f'| {side} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {peak:.0f} |')


if __name__ == '__main__':
    main()
