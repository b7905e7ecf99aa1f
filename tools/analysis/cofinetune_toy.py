"""Co-finetuning on the toy worlds: run what is missing, print tables and verdicts.

Examples:
    python tools/analysis/cofinetune_toy.py --on features --workers 16
    python tools/data/make_toy_world.py --out data/toy --parts ava clips actor_clips
    python tools/analysis/cofinetune_toy.py --on pixels

About an hour of one core each. May be stopped and started again: what is finished is not repeated,
and a training of pixels goes on from its last checkpoint. What a run prints is in its log.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.cofinetune_features.results import CONTRASTS, make_tables
from mmlt.experiments.cofinetune_pixels import pixel_steps, pixel_table, read_pixel_results
from mmlt.experiments.commands import ROOT, check_plain_path, tool, whole_number
from mmlt.experiments.contrasts import contrast_table
from mmlt.experiments.seed_table import replace_between
from mmlt.experiments.steps import Step, Steps
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.json_files import read_json_object, write_json

FOLDER = ROOT / 'configs' / 'cofinetune'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        '--on', choices=('features', 'pixels'), default='features', help='which of the two worlds'
    )
    parser.add_argument(
        '--work-dir', type=Path, help='default: work_dirs/cofinetune_features, cofinetune_pixels'
    )
    parser.add_argument('--workers', default='1', help='of features: processes, of one thread each')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of pixels')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of every training of pixels')
    parser.add_argument('--write', action='store_true', help='results and tables into the repo')
    parser.add_argument(
        '--dry-run', action='store_true', help='print what would be run, and run nothing'
    )
    args = parser.parse_args(argv)
    args.work_dir = args.work_dir or Path('work_dirs') / f'cofinetune_{args.on}'
    return args


def feature_steps(work_dir: Path, workers: int) -> list[Step]:
    """The search for the learning rates, then all runs."""
    rates, results = work_dir / 'learning_rates.json', work_dir / 'results.json'
    how = ['--work-dir', work_dir, f'--workers={workers}']
    return [
        Step(
            part,
            inputs,
            [output],
            tool('analysis/cofinetune_features.py', part, *how),
            work_dir / f'{part}.done',
            work_dir / 'logs' / f'{part}.log',
            free_options=('--workers',),
        )
        for part, inputs, output in (('search', [], rates), ('run', [rates], results))
    ]


def tables_of(on: str, results: Mapping[str, Any]) -> str:
    """The tables of a part, from what stands of it in ``toy_results.json``."""
    if on == 'features':
        return make_tables(results)
    one_world = {
        row: {measure: [values] for measure, values in measures.items()}
        for row, measures in results['rows'].items()
    }
    parts = (
        f'One world, {len(results["seeds"])} seeds:',
        contrast_table(CONTRASTS, 'pixels', one_world),
        pixel_table(results['rows']),
    )
    return '\n\n'.join(parts)


def run(args: argparse.Namespace) -> None:
    """Run what is missing, then tell."""
    check_plain_path('--work-dir', args.work_dir)
    if args.on == 'features':
        steps = feature_steps(args.work_dir, whole_number('--workers', args.workers, 1))
    else:
        steps = pixel_steps(args.work_dir, args.seeds, options=args.cfg_options)
    planned = Steps(steps, args.work_dir)
    if args.dry_run:
        planned.print_plan()
        return
    planned.run()
    if args.on == 'features':
        results = read_json_object(args.work_dir / 'results.json')
    else:
        rows = read_pixel_results(args.work_dir, args.seeds)
        results = {'seeds': args.seeds, 'rows': rows}
    print(tables_of(args.on, results))
    if args.write:
        write_results(args.on, results)


def write_results(on: str, results: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Put the results of a part beside the configs, and its tables into their README."""
    path, readme = folder / 'toy_results.json', folder / 'README.md'
    marks = (f'<!-- toy {on} -->', f'<!-- end of toy {on} -->')
    text = readme.read_text(encoding='utf-8')
    text = replace_between(text, *marks, tables_of(on, results))
    others = read_json_object(path) if path.exists() else {}
    write_json(path, {**others, on: results}, overwrite=True)
    with atomic_write(readme, overwrite=True) as file:
        file.write_text(text, encoding='utf-8')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
