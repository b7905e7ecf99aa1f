#!/usr/bin/env python
"""The tables of VideoLT (Zhang et al. 2021): every method with every head on every features.

Examples:
    python tools/videolt_bench.py data/videolt
    python tools/videolt_bench.py data/videolt --heads nonlinear --methods baseline,cbs --dry-run

For any data set in VideoLT's layout: DATA_ROOT/{train,val,test}.lst, count-labels-train.lst, and
features in DATA_ROOT/features/NAME (or DATA_ROOT/features itself). One folder a run,
WORK_DIR/NAME/HEAD_METHOD; the checkpoint with the best mAP on val is tested on test. Prints the
table beside the paper's numbers.
What a run prints is in its train.log and test.log. May be stopped at any time and started again:
finished runs are skipped, trainings resume. $PYTHON names the interpreter of the runs.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.commands import check_plain_path, tool, whole_number
from mmlt.experiments.step_records import bind_folder, check_folder
from mmlt.experiments.steps import Steps
from mmlt.experiments.videolt_bench import HEAD_MIN, HEADS, METHODS, TAIL_MAX
from mmlt.experiments.videolt_steps import Bench
from mmlt.experiments.videolt_table import bench_table
from mmlt.fileio.atomic_write import atomic_write


def names_of(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Reads a list of names."""

    def read(text: str) -> list[str]:
        names = words_of(text)
        for name in names:
            if name not in choices:
                told = ', '.join(choices)
                raise argparse.ArgumentTypeError(f'invalid choice: {name!r} (choose from {told})')
        return names

    return read


def words_of(text: str) -> list[str]:
    """Words with commas or spaces between them."""
    return re.findall(r'[^,\s]+', text)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('data_root', type=Path, metavar='DATA_ROOT', help='lists and features')
    parser.add_argument(
        '--heads',
        type=names_of(list(HEADS)),
        default=','.join(HEADS),
        metavar='HEAD,...',
        help='of the model',
    )
    parser.add_argument(
        '--methods',
        type=names_of(list(METHODS)),
        default=','.join(METHODS),
        metavar='METHOD,...',
        help='rows of the table',
    )
    parser.add_argument('--features', type=words_of, metavar='NAME,...', help='default: all')
    parser.add_argument(
        '--work-dir', type=Path, metavar='DIR', default=Path('work_dirs/videolt_bench'),
        help='folder of all runs',
    )  # fmt: skip
    parser.add_argument('--seed', default='0', help='of the trainings')
    parser.add_argument(
        '--head-min', metavar='N', help=f'head: more training videos (default: {HEAD_MIN})'
    )
    parser.add_argument(
        '--tail-max', metavar='N', help=f'tail: at most so many videos (default: {TAIL_MAX})'
    )
    parser.add_argument('--epochs', metavar='N', help='of each training (default: 100)')
    parser.add_argument('--workers', metavar='N', help='of each loader (default: 8)')
    parser.add_argument(
        '--dry-run', action='store_true', help='print what would be run, and run nothing'
    )
    return parser.parse_args(argv)


def read_options(args: argparse.Namespace) -> Bench:
    """The bench; refuses whatever is wrong before anything is made."""
    check_plain_path('DATA_ROOT', args.data_root)
    check_plain_path('--work-dir', args.work_dir)
    bench = Bench(
        args.data_root,
        args.work_dir,
        args.heads,
        args.methods,
        args.features,
        seed=whole_number('--seed', args.seed),
        head_min=whole_number('--head-min', args.head_min),
        tail_max=whole_number('--tail-max', args.tail_max),
        max_epochs=whole_number('--epochs', args.epochs, at_least=1),
        num_workers=whole_number('--workers', args.workers),
    )
    check_folder(bench.work_dir / 'bench.txt', bench.asked())
    return bench


def run(bench: Bench, steps: Steps) -> None:
    """All that is not done, and the table."""
    steps.check()
    bind_folder(bench.work_dir / 'bench.txt', bench.asked())
    steps.run()
    table, path = bench_table(bench.work_dir), bench.work_dir / 'table.md'
    with atomic_write(path, overwrite=True) as file:
        file.write_text(f'{table}\n', encoding='utf-8')
    report = shlex.join(map(str, tool('analysis/report.py')))
    print(f'\n{table}\n\ntable: {path}')
    print(f'any two runs: {report} RUN/test RUN/test --out report.html')


def work(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    bench = read_options(args)
    steps, warning = Steps(bench.steps(), bench.work_dir), bench.warning()
    if warning:
        print(f'warning: {warning}', file=sys.stderr)
    if args.dry_run:
        steps.print_plan()
    else:
        run(bench, steps)


main = tool_main(parse_args, work)


if __name__ == '__main__':
    sys.exit(main())
