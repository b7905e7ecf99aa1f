"""The feature part of tools/analysis/cofinetune_toy.py alone: the search, the runs.

Examples:
    python tools/analysis/cofinetune_features.py search --work-dir work_dirs/features --workers=16
    python tools/analysis/cofinetune_features.py run --work-dir work_dirs/features --workers=16

About 6 and 50 minutes of one core. May be stopped and started again: what is finished, each in a
file of its own, is not repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.cofinetune_features.results import collect
from mmlt.experiments.cofinetune_features.runs import Plan, do_run, plan_runs
from mmlt.experiments.cofinetune_features.search import search_all
from mmlt.experiments.commands import whole_number
from mmlt.experiments.parallel_runs import processes, run_all
from mmlt.fileio.json_files import read_json_object, write_json


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('part', choices=('search', 'run'), help='the search comes first')
    parser.add_argument('--work-dir', type=Path, required=True, help='folder of all files')
    parser.add_argument('--workers', default='1', help='processes, each of one thread')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Run what is missing."""
    plan, rates = Plan(), args.work_dir / 'learning_rates.json'
    workers = whole_number('--workers', args.workers, 1)
    with processes(workers) as pool:
        if args.part == 'search':
            write_json(rates, search_all(plan, args.work_dir / 'search', pool), overwrite=True)
            return
        found, folder = read_json_object(rates), args.work_dir / 'runs'
        folder.mkdir(parents=True, exist_ok=True)
        tasks = []
        for each in plan_runs(plan):
            of_decay = found[f'{each.cell.weight_decay:g}']
            tasks.append((each, plan, {row: of_decay[row]['lr'] for row in of_decay}, folder))
        run_all(tasks, do_run, pool)
    write_json(args.work_dir / 'results.json', collect(plan, folder, found), overwrite=True)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
