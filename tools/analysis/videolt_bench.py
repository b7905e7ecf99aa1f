"""What tools/videolt_bench.sh asks: which runs, with which options, which checkpoint, the table.
Also writes the counts that the configs of configs/videolt need.

Example:
    python tools/analysis/videolt_bench.py counts data/videolt --out data/videolt/train_counts.json
    python tools/analysis/videolt_bench.py table work_dirs/videolt_bench
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter
from mmlt.experiments.videolt_bench import (
    HEAD_MIN,
    HEADS,
    METHODS,
    TAIL_MAX,
    config_of,
    data_overrides,
    empty_groups_warning,
    find_features,
    read_data,
    write_counts,
)
from mmlt.experiments.videolt_table import bench_table

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'videolt'
HEAD_HELP = f'head: more training videos than this; VideoLT: {HEAD_MIN}'
TAIL_HELP = f'tail: at most so many training videos; VideoLT: {TAIL_MAX}'
#: A path goes through mmengine's --cfg-options: they drop spaces and take the others for lists.
NOT_PLAIN = re.compile(r'[\s,\'"()\[\]]')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parts = parser.add_subparsers(dest='part', required=True)

    def add_part(name: str, text: str) -> argparse.ArgumentParser:
        return parts.add_parser(name, help=text, description=text, formatter_class=HelpFormatter)

    root = dict(type=Path, help="folder of the lists and features, in VideoLT's layout")
    heads = dict(choices=list(HEADS))
    methods = dict(choices=list(METHODS))
    plan = add_part('plan', 'print FEATURES HEAD METHOD CONFIG of every run')
    plan.add_argument('data_root', **root)
    plan.add_argument('--features', nargs='+', help='default: all that are found')
    plan.add_argument('--heads', nargs='+', default=list(HEADS), help='of the model', **heads)
    plan.add_argument('--methods', nargs='+', default=list(METHODS), help='rows', **methods)
    options = add_part('options', 'print what a run sets, one option a line')
    options.add_argument('data_root', **root)
    options.add_argument('features', help='name of their folder in features')
    options.add_argument('head', help='of the model', **heads)
    options.add_argument('method', help='row of the table', **methods)
    options.add_argument('--counts', type=Path, required=True, help='counts.json to write')
    for part in (plan, options):
        part.add_argument('--head-min', type=int, help=HEAD_HELP)
        part.add_argument('--tail-max', type=int, help=TAIL_HELP)
    options.add_argument('--epochs', type=int, help='default: 100')
    options.add_argument('--workers', type=int, help='of each loader; default: 8')
    best = add_part('best', 'print the checkpoint that is best on val')
    best.add_argument('run', type=Path, help='folder of a finished training')
    counts = add_part('counts', 'write the counts.json that the configs name')
    counts.add_argument('data_root', **root)
    counts.add_argument('--out', type=Path, required=True, help='counts.json to write')
    counts.add_argument('--overwrite', action='store_true', help='replace an existing file')
    table = add_part('table', "print all finished runs beside the paper's numbers")
    table.add_argument('work_dir', type=Path, help='--work-dir of tools/videolt_bench.sh')
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
        if NOT_PLAIN.search(name):
            raise ValueError(
                f'{found[name]}: the name of a folder of features must be without spaces, commas, '
                'quotes and brackets'
            )
        read_data(args.data_root, found[name])  # a bad data set stops all, before anything runs
    warning = empty_groups_warning(args.data_root, args.head_min, args.tail_max)
    if warning:
        print(f'warning: {warning}', file=sys.stderr)
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
