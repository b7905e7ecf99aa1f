"""Shuffle bias on the toy clips: train and test on both sets with several seeds, tell the results.

Example:
    python tools/data/make_toy_world.py --out data/toy --parts clips
    python tools/analysis/shuffle_bias_toy.py --work-dir work_dirs/shuffle_bias_toy --plot bias.png

2 to 4 minutes a run and core. May be stopped and started again: what is finished is not repeated,
and a training goes on from its last checkpoint. What a run prints is in its train.log and test.log.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.commands import ROOT, check_plain_path, last_checkpoint, tool
from mmlt.experiments.shuffle_bias_table import plot, summarise, table
from mmlt.experiments.steps import Step, Steps
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.json_files import read_json_object

SETS = ('motion', 'appearance')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/shuffle_bias_toy'),
        help='folder of all runs',
    )
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0, 1, 2], help='one network a set and seed'
    )
    parser.add_argument(
        '--num-shuffles', type=int, default=5, help='orders of the frames in a test'
    )
    parser.add_argument('--plot', type=Path, help='picture to write (needs matplotlib)')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing picture')
    parser.add_argument(
        '--dry-run', action='store_true', help='print what would be run, and run nothing'
    )
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of the training and the test')
    return parser.parse_args(argv)


def run_steps(name: str, seed: int, args: argparse.Namespace) -> list[Step]:
    """Train and test one network."""
    folder = args.work_dir / f'{name}_seed{seed}'
    config = ROOT / 'configs' / 'toy' / f'resnet3d_toy_{name}.py'
    given = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    train = tool('train.py', config, '--work-dir', folder, '--seed', seed, '--resume', *given)
    checkpoint, out = last_checkpoint(folder), folder / 'test'
    options = [f'test_evaluator.out_dir={out}', f'test_cfg.num_shuffles={args.num_shuffles}']
    how = ['--work-dir', folder / 'test_log', '--cfg-options', *options, *args.cfg_options]
    return [
        Step(
            f'{folder.name}: train',
            [config],
            [folder / 'last_checkpoint'],
            train,
            folder / 'trained',
            folder / 'train.log',
        ),
        Step(
            f'{folder.name}: test',
            [config, checkpoint],
            [out / 'shuffle_bias.json'],
            tool('test.py', config, checkpoint, *how),
            folder / 'tested',
            folder / 'test.log',
            remove=out,
            older=folder / 'trained',
        ),
    ]


def check_num_shuffles(test: Step, asked: int) -> None:
    """Refuse other orders of a test of an older version, of which there is no record."""
    (result,) = test.outputs
    if test.stamp.exists() or test.missing() is not None:
        return
    found = read_json_object(result).get('num_shuffles')
    if found != asked:
        raise ValueError(
            f'{result}: num_shuffles is {found}, not {asked}; choose another --work-dir'
        )


def run(args: argparse.Namespace) -> None:
    """Run what is missing, then tell."""
    if args.plot and args.plot.exists() and not args.overwrite:
        raise FileExistsError(f'{args.plot}: exists already; pass --overwrite to replace it')
    check_plain_path('--work-dir', args.work_dir)
    runs = [run_steps(name, seed, args) for name in SETS for seed in args.seeds]
    for _, test in runs:
        check_num_shuffles(test, args.num_shuffles)
    steps = Steps((step for each in runs for step in each), args.work_dir)
    if args.dry_run:
        steps.print_plan()
        return
    steps.run()
    results = {}
    for name in SETS:
        tests = [args.work_dir / f'{name}_seed{seed}' / 'test' for seed in args.seeds]
        found = [read_json_object(folder / 'shuffle_bias.json') for folder in tests]
        results[name] = summarise([each['metrics']['accuracy'] for each in found])
    with atomic_write(args.work_dir / 'results.json', overwrite=True) as file:
        file.write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')
    if args.plot:
        plot(results, args.plot, overwrite=args.overwrite)
    print(table(results))


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
