#!/usr/bin/env python
r"""Two-stage training of an AVA detector (Zhang et al. 2019, Algorithm 1), up to a report.

Examples:
    python tools/two_stage.py configs/toy/slowonly_toy_ava.py 2
    python tools/two_stage.py configs/in_the_wild/nonlocal_i3d_r50_ava21.py 8 --split counts \
        --dry-run

baseline -> AP on train and val -> head/tail split -> stage 1 -> features -> stage 2 -> report.
--split ap puts a class into the tail where AP on train is below AP on val; a FILE is taken as it
is; counts: classes of at most --tail-max training boxes are the tail and all others the head, of
which stage 1 learns, or with --head-min those of more than that.
What a step prints is in WORK_DIR/logs. May be stopped at any time and started again: finished
steps are skipped, trainings resume. $PYTHON names the interpreter of the steps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.commands import check_plain_path, whole_number
from mmlt.experiments.step_records import bind_folder, check_folder
from mmlt.experiments.steps import Steps
from mmlt.experiments.two_stage import TAIL_MAX, TwoStage


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        'config',
        type=Path,
        metavar='CONFIG',
        help='the baseline; CONFIG_stage_one.py and CONFIG_stage_two.py must stand beside it',
    )
    parser.add_argument('ranks', metavar='RANKS', help='processes, one a GPU')
    parser.add_argument('--split', default='ap', metavar='ap|counts|FILE', help='head and tail')
    parser.add_argument(
        '--tail-max', metavar='N', help=f'boxes of a tail class (default: {TAIL_MAX}, as for AVA)'
    )
    parser.add_argument(
        '--head-min', metavar='N', help='a head class has more (default: --tail-max)'
    )
    parser.add_argument(
        '--work-dir', type=Path, metavar='DIR', help='default: work_dirs/two_stage/CONFIG'
    )
    parser.add_argument('--seed', default='0', help='of the trainings')
    parser.add_argument(
        '--dry-run', action='store_true', help='print what would be run, and run nothing'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='change the detector wherever it is built: in every step but stage 2',
    )
    return parser.parse_args(argv)


def read_options(args: argparse.Namespace) -> TwoStage:
    """The experiment; refuses whatever is wrong before anything is made."""
    work_dir = args.work_dir or Path('work_dirs/two_stage') / args.config.stem
    check_plain_path('--work-dir', work_dir)
    experiment = TwoStage(
        args.config,
        whole_number('RANKS', args.ranks, at_least=1),
        args.split,
        work_dir,
        tail_max=whole_number('--tail-max', args.tail_max),
        head_min=whole_number('--head-min', args.head_min),
        seed=whole_number('--seed', args.seed),
        options=args.cfg_options,
    )
    experiment.check()
    check_folder(work_dir / 'two_stage.txt', experiment.asked())
    return experiment


def run(experiment: TwoStage) -> None:
    """All that is not done; a split that is refused does not bind the folder."""
    work_dir, first = experiment.work_dir, 0
    steps = Steps(experiment.steps(), work_dir)
    steps.check()
    if steps.steps[0].name == 'split':
        first = 1
        if experiment.split == 'counts' and experiment.tail_max is None:
            print(
                f'--tail-max is {TAIL_MAX}, as for AVA; give one that fits the counts of other data'
            )
        steps.run(slice(first))
    bind_folder(work_dir / 'two_stage.txt', experiment.asked())
    steps.run(slice(first, None))
    print(f'\ncheckpoint: {work_dir / "two_stage.pth"}\nreport: {work_dir / "report.html"}')


def work(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    experiment = read_options(args)
    if args.dry_run:
        Steps(experiment.steps(), experiment.work_dir).print_plan()
    else:
        run(experiment)


main = tool_main(parse_args, work)


if __name__ == '__main__':
    sys.exit(main())
