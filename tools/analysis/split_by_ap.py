r"""Split the classes into head and tail by one model's AP on training and on held-out data.

A class is in the tail where the model is better on the held-out data: it has too few training
samples to have been learned. The split file goes to --split of evaluate_ava.py.

Example:
    python tools/analysis/split_by_ap.py results/baseline_train results/baseline_val \
        --out split.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.evaluation.runs.read import Run, read_run
from mmlt.evaluation.runs.tasks import DETECTION
from mmlt.fileio.class_split import ClassSplit, write_split
from mmlt.functional import split_by_train_test_ap


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    run = 'a metrics.json of evaluate_ava.py or mmlt.AVALongTailMetric, or its folder'
    parser.add_argument('train', metavar='TRAIN_METRICS', help=f'on the training data: {run}')
    parser.add_argument('test', metavar='TEST_METRICS', help='the same model on held-out data')
    parser.add_argument('--out', required=True, help='split file to write (JSON)')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    return parser.parse_args(argv)


def split_runs(train_path: str, test_path: str) -> tuple[ClassSplit, dict[int, str]]:
    """Read and compare the two runs; returns the split and the names of its classes."""
    train, test = read_run(train_path), read_run(test_path)
    for path, run in ((train_path, train), (test_path, test)):
        if run.task is not DETECTION:
            raise ValueError(f'{path}: the results of a classifier; give those of an AVA detector')
    for key in ('protocol', 'capacity'):
        if train.metrics[key] != test.metrics[key]:
            raise ValueError(
                f'{key} is {train.metrics[key]!r} in {train_path} and {test.metrics[key]!r} in '
                f'{test_path}: AP of two protocols cannot be compared'
            )
    train_ids = {name: entry['id'] for name, entry in train.metrics['per_class'].items()}
    test_ids = {name: entry['id'] for name, entry in test.metrics['per_class'].items()}
    alone = sorted(set(train_ids.items()) ^ set(test_ids.items()), key=lambda item: item[1])
    if alone:
        listed = ', '.join(f'{class_id} ({name})' for name, class_id in alone)
        raise ValueError(f'not the same classes in {train_path} and {test_path}: {listed}')
    names = {class_id: name for name, class_id in sorted(train_ids.items(), key=lambda i: i[1])}
    train_ap = _class_ap(train, train_path, names)
    test_ap = _class_ap(test, test_path, names)
    try:
        parts = split_by_train_test_ap(train_ap, test_ap)
    except ValueError as error:
        raise ValueError(
            f'{train_path} against {test_path}: {error} (tools/analysis/split_by_counts.py)'
        ) from None
    ids = np.array(list(names))
    groups = {'head': tuple(ids[parts.head].tolist()), 'tail': tuple(ids[parts.tail].tolist())}
    source = f'tail: AP in {train.name} (training) < AP in {test.name} (held out)'
    return ClassSplit(source, groups), names


def _class_ap(run: Run, path: str, names: dict[int, str]) -> np.ndarray:
    values = [run.metrics['per_class'][name]['AP'] for name in names.values()]
    empty = [
        f'{class_id} ({name})' for (class_id, name), v in zip(names.items(), values) if v is None
    ]
    if empty:
        raise ValueError(
            f'{path}: AP is null for class {", ".join(empty)}: nothing to compare; evaluate both '
            'runs with a label map without such classes'
        )
    return np.array(values)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    split, names = split_runs(args.train, args.test)
    write_split(args.out, split, overwrite=args.overwrite)
    for group, members in split.groups.items():
        print(f'{group} ({len(members)}): {", ".join(names[class_id] for class_id in members)}')
    print(f'split: {args.out}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
