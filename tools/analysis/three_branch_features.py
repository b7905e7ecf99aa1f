r"""Parts of the features of tools/analysis/three_branch_toy.py alone.

Examples:
    python tools/analysis/three_branch_features.py extract --world WORLD/ava --out features.npz \
        --checkpoint TRUNK.pth
    python tools/analysis/three_branch_features.py search --work-dir work_dirs/three_branch_features
    python tools/analysis/three_branch_features.py run --work-dir work_dirs/three_branch_features

The search and the runs may be stopped and started again: what is finished, each in a file of its
own, is not repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.commands import whole_number
from mmlt.experiments.parallel_runs import processes, run_all
from mmlt.experiments.three_branch_features.extraction import extract_world
from mmlt.experiments.three_branch_features.results import collect
from mmlt.experiments.three_branch_features.runs import Plan, do_run, plan_runs, search_all
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.json_files import read_json_object, write_json


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parts = parser.add_subparsers(dest='part', required=True)
    extract = parts.add_parser('extract', help='features of a world', formatter_class=HelpFormatter)
    extract.add_argument('--world', type=Path, required=True, help='folder of its AVA part')
    extract.add_argument('--checkpoint', help='of its trunk; default: one that is not trained')
    extract.add_argument('--out', type=Path, required=True, help='file.npz')
    for name, told in (('search', 'learning rates; comes first'), ('run', 'all rows')):
        part = parts.add_parser(name, help=told, formatter_class=HelpFormatter)
        part.add_argument('--work-dir', type=Path, required=True, help='folder of all files')
        part.add_argument('--workers', default='1', help='processes, each of one thread')
    return parser.parse_args(argv)


def write_features(args: argparse.Namespace) -> None:
    """Extract a world's features."""
    arrays = extract_world(args.world, args.checkpoint)
    with atomic_write(args.out, overwrite=True) as file, open(file, 'wb') as stream:
        np.savez(stream, **arrays)


def run(args: argparse.Namespace) -> None:
    """Do what is missing of a part."""
    if args.part == 'extract':
        write_features(args)
        return
    plan, rates = Plan(), args.work_dir / 'learning_rates.json'
    with processes(whole_number('--workers', args.workers, 1)) as pool:
        if args.part == 'search':
            write_json(rates, search_all(plan, args.work_dir, pool), overwrite=True)
            return
        found = read_json_object(rates)
        (args.work_dir / 'runs').mkdir(parents=True, exist_ok=True)
        lrs = {row: of_row['lr'] for row, of_row in found.items()}
        run_all([(each, lrs, args.work_dir) for each in plan_runs(plan)], do_run, pool)
    results = collect(plan, args.work_dir, found)
    write_json(args.work_dir / 'results.json', results, overwrite=True)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
