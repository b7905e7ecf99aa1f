r"""The three branches on the toy world: run what is missing, print tables and verdicts.

Examples:
    python tools/analysis/three_branch_toy.py --on features --workers 16
    python tools/data/make_toy_world.py --out data/toy_context --parts ava --set \
        keyframes_per_video=40 context_share=0.3333 rarest_object=100 rarest_interaction=300 \
        object_radius=4.5
    python tools/analysis/three_branch_toy.py --on pixels

About an hour of one core each. May be stopped and started again: what is finished is not repeated,
and a training of pixels goes on from its last checkpoint. What a run prints is in its log.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.commands import ROOT, check_plain_path, tool, whole_number
from mmlt.experiments.contrasts import contrast_table
from mmlt.experiments.seed_table import replace_between
from mmlt.experiments.steps import Step, Steps
from mmlt.experiments.three_branch_features.results import CONTRASTS, make_tables
from mmlt.experiments.three_branch_features.runs import Plan
from mmlt.experiments.three_branch_features.worlds import world_steps
from mmlt.experiments.three_branch_pixels import (
    pixel_steps,
    pixel_table,
    read_pixel_results,
)
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.json_files import read_json_object, write_json

FOLDER = ROOT / 'configs' / 'three_branch'


class Part(NamedTuple):
    """An experiment.

    Attributes:
        steps: From the command line's arguments.
        read: Its results, from the same when all steps are done.
        tables: Of results, as Markdown.
    """

    steps: Callable[[argparse.Namespace], list[Step]]
    read: Callable[[argparse.Namespace], dict[str, Any]]
    tables: Callable[[Mapping[str, Any]], str]


def feature_steps(args: argparse.Namespace) -> list[Step]:
    """The worlds with their trunks and features, the search for the learning rates, all runs."""
    folder, worlds = args.work_dir, Plan().worlds()
    steps = [step for world in worlds for step in world_steps(folder, world)]
    names = {world: f'{world.name}/{world.features_file}' for world in worlds}
    features = [folder / 'worlds' / name for name in names.values()]
    rates, results = folder / 'learning_rates.json', folder / 'results.json'
    how = ['--work-dir', folder, f'--workers={args.workers}']
    steps = list({step.stamp: step for step in steps}.values())  # a world is drawn once
    for part, inputs, output in (
        ('search', features[:1], rates),
        ('run', [rates, *features], results),
    ):
        command = tool('analysis/three_branch_features.py', part, *how)
        stamp, log = folder / f'{part}.done', folder / 'logs' / f'{part}.log'
        steps.append(Step(part, inputs, [output], command, stamp, log, free_options=('--workers',)))
    return steps


def read_feature_results(args: argparse.Namespace) -> dict[str, Any]:
    """What the runs have found."""
    return read_json_object(args.work_dir / 'results.json')


def make_pixel_steps(args: argparse.Namespace) -> list[Step]:
    """All trainings, banks and tests."""
    return pixel_steps(args.work_dir, args.seeds, options=args.cfg_options)


def read_pixels(args: argparse.Namespace) -> dict[str, Any]:
    """What the tests have found."""
    return {'seeds': args.seeds, 'rows': read_pixel_results(args.work_dir, args.seeds)}


def make_pixel_tables(results: Mapping[str, Any]) -> str:
    """The contrasts and the rows of one world, as Markdown."""
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


PARTS = {
    'features': Part(feature_steps, read_feature_results, make_tables),
    'pixels': Part(make_pixel_steps, read_pixels, make_pixel_tables),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('--on', choices=PARTS, default='features', help='which experiment')
    parser.add_argument(
        '--work-dir', type=Path, help='default: work_dirs/three_branch_ and the name of --on'
    )
    parser.add_argument('--workers', default='1', help='of features: processes, of one thread each')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of pixels')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of every training of pixels')
    parser.add_argument('--write', action='store_true', help='results and tables into the repo')
    parser.add_argument(
        '--dry-run', action='store_true', help='print what would be run, and run nothing'
    )
    args = parser.parse_args(argv)
    args.work_dir = args.work_dir or Path('work_dirs') / f'three_branch_{args.on}'
    return args


def run(args: argparse.Namespace) -> None:
    """Run what is missing, then tell."""
    check_plain_path('--work-dir', args.work_dir)
    args.workers = whole_number('--workers', args.workers, 1)
    part = PARTS[args.on]
    planned = Steps(part.steps(args), args.work_dir)
    if args.dry_run:
        planned.print_plan()
        return
    planned.run()
    results = part.read(args)
    print(part.tables(results))
    if args.write:
        write_results(args.on, results)


def write_results(on: str, results: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Put the results of a part beside the configs, and its tables into their README."""
    path, readme = folder / 'toy_results.json', folder / 'README.md'
    marks = (f'<!-- toy {on} -->', f'<!-- end of toy {on} -->')
    text = readme.read_text(encoding='utf-8')
    text = replace_between(text, *marks, PARTS[on].tables(results))
    others = read_json_object(path) if path.exists() else {}
    write_json(path, {**others, on: results}, overwrite=True)
    with atomic_write(readme, overwrite=True) as file:
        file.write_text(text, encoding='utf-8')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
