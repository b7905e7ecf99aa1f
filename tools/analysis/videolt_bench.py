"""What tools/videolt_bench.sh asks: which runs, with which options, which checkpoint, the table.
Also writes the counts that the configs of configs/videolt need.

Example:
    python tools/analysis/videolt_bench.py counts data/videolt --out data/videolt/train_counts.json
    python tools/analysis/videolt_bench.py table work_dirs/videolt_bench
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter
from mmlt.evaluation.videolt_bench import (
    HEADS,
    METHODS,
    config_of,
    data_overrides,
    find_features,
    read_data,
    write_counts,
)
from mmlt.evaluation.videolt_table import bench_table

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'videolt'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parts = parser.add_subparsers(dest='part', required=True)
    plan = parts.add_parser('plan', help='print FEATURES HEAD METHOD CONFIG of every run')
    plan.add_argument('data_root', type=Path)
    plan.add_argument('--features', nargs='+', help='default: all that are found')
    plan.add_argument('--heads', nargs='+', choices=list(HEADS), default=list(HEADS))
    plan.add_argument('--methods', nargs='+', choices=list(METHODS), default=list(METHODS))
    options = parts.add_parser('options', help='print what a run sets, one option a line')
    options.add_argument('data_root', type=Path)
    options.add_argument('features')
    options.add_argument('head', choices=list(HEADS))
    options.add_argument('method', choices=list(METHODS))
    options.add_argument('--counts', type=Path, required=True, help='counts.json to write')
    options.add_argument('--head-min', type=int, help='head: more training videos; VideoLT: 500')
    options.add_argument('--tail-max', type=int, help='tail: at most so many; VideoLT: 100')
    options.add_argument('--epochs', type=int, help='default: 100')
    options.add_argument('--workers', type=int, help='of each loader; default: 8')
    best = parts.add_parser('best', help='print the checkpoint that is best on val')
    best.add_argument('run', type=Path)
    counts = parts.add_parser('counts', help='write the counts.json that the configs name')
    counts.add_argument('data_root', type=Path)
    counts.add_argument('--out', type=Path, required=True)
    counts.add_argument('--overwrite', action='store_true', help='replace an existing file')
    table = parts.add_parser('table', help="print all finished runs beside the paper's numbers")
    table.add_argument('work_dir', type=Path)
    return parser.parse_args(argv)


def plan_runs(args: argparse.Namespace) -> list[str]:
    """Lines FEATURES HEAD METHOD CONFIG."""
    found = find_features(args.data_root)
    names = args.features or list(found)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ValueError(
            f'{args.data_root}/features has no {unknown[0]!r}; it has {", ".join(found)}'
        )
    for name in names:
        read_data(args.data_root, found[name])  # a bad data set stops all, before anything runs
    return [
        f'{name} {head} {method} {CONFIGS / config_of(method)}'
        for name in names
        for head in args.heads
        for method in args.methods
    ]


def run_options(args: argparse.Namespace) -> list[str]:
    """Lines KEY=VALUE; writes the counts."""
    from mmengine.config import Config

    data = read_data(args.data_root, find_features(args.data_root)[args.features])
    write_counts(data.root, args.counts, overwrite=True)
    config = Config.fromfile(CONFIGS / config_of(args.method)).to_dict()
    groups = {'head_min': args.head_min, 'tail_max': args.tail_max}
    overrides = data_overrides(config, data, args.counts, **groups, max_epochs=args.epochs)
    overrides['model.head.type'] = HEADS[args.head]
    if args.workers is not None:
        for loader in LOADERS:
            overrides[f'{loader}.num_workers'] = args.workers
            overrides[f'{loader}.persistent_workers'] = args.workers > 0
    return [f'{key}={value}' for key, value in overrides.items()]


def best_checkpoint(run: Path) -> Path:
    """The checkpoint that was best on val, of a finished training."""
    found = sorted(run.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f'{run}: no best_*.pth; was the training validated?')
    return found[-1]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    args = parse_args(argv)
    try:
        if args.part == 'plan':
            print('\n'.join(plan_runs(args)))
        elif args.part == 'options':
            print('\n'.join(run_options(args)))
        elif args.part == 'best':
            print(best_checkpoint(args.run))
        elif args.part == 'counts':
            write_counts(args.data_root, args.out, overwrite=args.overwrite)
        else:
            print(bench_table(args.work_dir))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
