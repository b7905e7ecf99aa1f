#!/usr/bin/env python
r"""Train a detector of three branches in two phases (ActivityNet challenge 2019), up to a report.

Examples:
    python tools/three_branch.py configs/toy/slowonly_toy_three_branch.py 2 --score-thr 0.5
    python tools/three_branch.py configs/three_branch/slowfast_r101_three_branch.py 8 --tta \
        --dry-run

baseline (phase one, the RoI branch alone) -> its feature bank -> the whole -> tests -> report.
The steps of the whole find the bank by $FEATURE_BANK, which its config names. A config without the
long-term branch reads no bank: none is made. A training whose config keeps the best checkpoint on
val is validated and that one is taken; of others the last.
What a step prints is in WORK_DIR/logs. May be stopped at any time and started again: finished
steps are skipped, trainings resume, a bank is gone on with. The bank may be deleted when all is
done, and --tta added. $PYTHON names the interpreter of the steps.
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
from mmlt.experiments.three_branch import SCORE_THR, ThreeBranch


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('config', type=Path, metavar='CONFIG', help='the whole')
    parser.add_argument('ranks', metavar='RANKS', help='processes, one a GPU')
    parser.add_argument(
        '--baseline', type=Path, metavar='FILE', help='phase one (default: CONFIG_phase_one.py)'
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=SCORE_THR,
        help='score that a person of the bank is above',
    )
    parser.add_argument(
        '--tta', action='store_true', help='test the whole with its test-time augmentation too'
    )
    parser.add_argument(
        '--work-dir', type=Path, metavar='DIR', help='default: work_dirs/three_branch/CONFIG'
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
        help='change the detectors wherever they are built: in every step but the report',
    )
    return parser.parse_args(argv)


def read_options(args: argparse.Namespace) -> ThreeBranch:
    """The experiment; refuses whatever is wrong before anything is made."""
    work_dir = args.work_dir or Path('work_dirs/three_branch') / args.config.stem
    check_plain_path('--work-dir', work_dir)
    experiment = ThreeBranch(
        args.config,
        whole_number('RANKS', args.ranks, at_least=1),
        work_dir,
        args.baseline,
        args.score_thr,
        args.tta,
        whole_number('--seed', args.seed),
        tuple(args.cfg_options),
    )
    experiment.check()
    check_folder(work_dir / 'three_branch.txt', experiment.asked())
    return experiment


def work(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    experiment = read_options(args)
    steps = Steps(experiment.steps(), experiment.work_dir)
    if args.dry_run:
        steps.print_plan()
        return
    steps.check()
    bind_folder(experiment.work_dir / 'three_branch.txt', experiment.asked())
    steps.run()
    (report,) = steps.steps[-1].outputs
    print(f'\nreport: {report}')


main = tool_main(parse_args, work)


if __name__ == '__main__':
    sys.exit(main())
