"""Parts of tools/videolt_bench.py alone: the counts, a run's best checkpoint, the table.

Examples:
    python tools/analysis/videolt_bench.py counts data/videolt --out data/videolt/train_counts.json
    python tools/analysis/videolt_bench.py table work_dirs/videolt_bench
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.videolt_bench import write_counts
from mmlt.experiments.videolt_steps import find_best_checkpoint
from mmlt.experiments.videolt_table import bench_table


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parts = parser.add_subparsers(dest='part', required=True)

    def add_part(name: str, text: str) -> argparse.ArgumentParser:
        return parts.add_parser(name, help=text, description=text, formatter_class=HelpFormatter)

    best = add_part('best', 'print the checkpoint that is best on val')
    best.add_argument('run', type=Path, help='folder of a finished training')
    counts = add_part('counts', 'write the counts.json that the configs name')
    counts.add_argument('data_root', type=Path, help="folder of the lists, in VideoLT's layout")
    counts.add_argument('--out', type=Path, required=True, help='counts.json to write')
    counts.add_argument('--overwrite', action='store_true', help='replace an existing file')
    table = add_part('table', "print all finished runs beside the paper's numbers")
    table.add_argument('work_dir', type=Path, help='--work-dir of tools/videolt_bench.py')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    if args.part == 'best':
        print(find_best_checkpoint(args.run))
    elif args.part == 'counts':
        write_counts(args.data_root, args.out, overwrite=args.overwrite)
    else:
        print(bench_table(args.work_dir))


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
