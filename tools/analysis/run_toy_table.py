"""The tables of two papers on the toy world: all methods and seeds.

`--table in_the_wild`: "A Study on Action Detection in the Wild"; about 13 minutes a seed and core.
`--table videolt`: the methods of "VideoLT" on feature sequences; about 6 minutes a seed and core.

Example:
    python tools/data/make_toy_world.py --out data/toy --parts ava features
    python tools/analysis/run_toy_table.py --work-dir work_dirs/toy_table
    python tools/analysis/run_toy_table.py --table videolt

May be stopped and started again, and several may run at once on other --seeds with the same
--work-dir: what is finished is not repeated, a training goes on from its last checkpoint. What a
step prints is in the logs of its seed's folder. When all seeds are there, the numbers go to
configs/TABLE/toy_results.json and the table into README.md beside it (--write).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, add_data_split, tool_main
from mmlt.experiments.commands import ROOT
from mmlt.experiments.seed_table import replace_between
from mmlt.experiments.steps import Steps
from mmlt.experiments.toy_runs import ToyRuns, TwoStageRuns, VideoLTRuns
from mmlt.experiments.two_stage_table import ROWS, make_table, read_rows
from mmlt.experiments.videolt_bench import METHODS
from mmlt.experiments.videolt_table import read_seeds, seed_table
from mmlt.fileio.atomic_write import atomic_write


class Table(NamedTuple):
    """What makes one paper's table.

    Attributes:
        runs: Steps of one seed.
        rows: Names of the rows.
        read: (folders of each row, arguments) -> numbers.
        make: Numbers -> Markdown.
        work_dir: Name of the default work folder.
        data: Default data, in data/toy.
        num_seeds: Seeds by default.
    """

    runs: type[ToyRuns]
    rows: Sequence[str]
    read: Callable
    make: Callable
    work_dir: str
    data: str
    num_seeds: int


TABLES = {
    'in_the_wild': Table(
        TwoStageRuns,
        list(ROWS),
        lambda folders, args: read_rows(folders, args.data, args.data_split, args.num_resamples),
        make_table,
        'toy_table',
        'ava/annotations',
        3,
    ),
    'videolt': Table(
        VideoLTRuns,
        list(METHODS),
        lambda folders, args: read_seeds(folders),
        seed_table,
        'videolt_table',
        'features',
        5,
    ),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        '--table', choices=list(TABLES), default='in_the_wild', help='folder in configs'
    )
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/toy_table, videolt_table')
    parser.add_argument('--data', type=Path, help='default: in data/toy')
    parser.add_argument('--seeds', type=int, nargs='+', help='default: 3 or, of videolt, 5')
    parser.add_argument('--rows', nargs='+', metavar='ROW', help='default: all')
    add_data_split(parser, '--on', choices=('val', 'test'), default='test', help='val: for choices')
    parser.add_argument('--num-resamples', type=int, default=200, help='of the bootstrap')
    parser.add_argument('--write', action='store_true', help='results and table into the repo')
    parser.add_argument(
        '--dry-run', action='store_true', help='print what would be run, and run nothing'
    )
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of every training')
    args = parser.parse_args(argv)
    table = TABLES[args.table]
    args.work_dir = args.work_dir or Path('work_dirs') / table.work_dir
    args.data = args.data or Path('data/toy') / table.data
    args.seeds = args.seeds or list(range(table.num_seeds))
    args.rows = args.rows or list(table.rows)
    unknown = [name for name in args.rows if name not in table.rows]
    if unknown:
        parser.error(f'--rows: {unknown[0]!r} is none of {", ".join(table.rows)}')
    return args


def run_table(args: argparse.Namespace) -> None:
    """Run what is missing, then tell."""
    kind = TABLES[args.table]
    runs = [
        kind.runs(args.work_dir, args.data, seed, args.data_split, args.cfg_options)
        for seed in args.seeds
    ]
    folders = {name: [each.row(name) for each in runs] for name in args.rows}
    steps = Steps((step for each in runs for step in each.steps.values()), args.work_dir)
    if args.dry_run:
        steps.print_plan()
        return
    steps.run()
    results = kind.read(folders, args)
    table = kind.make(results)
    print(table)
    if args.write:
        write_table(args, results, table)


def write_table(args: argparse.Namespace, results: dict, table: str) -> None:
    """Put the results beside the configs, and the table into their README."""
    folder = ROOT / 'configs' / args.table
    content = {'seeds': args.seeds, 'split': args.data_split, 'rows': results}
    with atomic_write(folder / 'toy_results.json', overwrite=True) as path:
        path.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
    readme = folder / 'README.md'
    marks = ('<!-- toy table -->', '<!-- end of toy table -->')
    text = replace_between(readme.read_text(encoding='utf-8'), *marks, table)
    with atomic_write(readme, overwrite=True) as path:
        path.write_text(text, encoding='utf-8')


main = tool_main(parse_args, run_table)


if __name__ == '__main__':
    sys.exit(main())
