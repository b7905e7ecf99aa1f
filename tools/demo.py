#!/usr/bin/env python
"""The demo: a toy world, a long-tailed action detector trained and tested on it, a report.

Example:
    python tools/demo.py 2 0

What `make demo` runs; some minutes. All files are in work_dirs/demo/RUN, a new folder each time;
what the steps print is in its logs. $PYTHON names the interpreter of the steps.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.commands import ROOT, last_checkpoint, ranks_tool, tool, whole_number
from mmlt.experiments.steps import Step, Steps

CONFIG = Path('configs/toy/slowonly_toy_ava.py')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        'ranks', metavar='RANKS', nargs='?', default='2', help='processes, one a GPU'
    )
    parser.add_argument('seed', metavar='SEED', nargs='?', default='0', help='of the training')
    return parser.parse_args(argv)


def demo_steps(run: Path, ranks: int, seed: int) -> list[Step]:
    """World, training, test and report; paths in the checkout."""
    test = run / 'test'
    world = ['--out', Path('data/toy'), '--parts', 'ava', '--workers', ranks]
    training = [CONFIG, ranks, '--work-dir', run, '--seed', seed, '--no-validate']
    options = [f'test_evaluator.out_dir={test}', 'test_evaluator.dump=detections.parquet']
    how = ['--work-dir', test, '--cfg-options', *options]
    named = ['--names', f'baseline, seed {seed}', '--title', 'A long tail in the toy world']
    commands = {
        'toy world': tool('data/make_toy_world.py', *world),
        'training': ranks_tool('dist_train.sh', *training),
        'testing': ranks_tool('dist_test.sh', CONFIG, last_checkpoint(run), ranks, *how),
        'report': tool('analysis/report.py', test, *named),
    }
    logs = {name: run / 'logs' / f'{name}.log' for name in ('training', 'testing')}
    return [
        Step(name, [], [], command, run / 'done' / name, logs.get(name))
        for name, command in commands.items()
    ]


def work(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    ranks, seed = whole_number('RANKS', args.ranks, 1), whole_number('SEED', args.seed)
    os.chdir(ROOT)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    # unset, mmengine warns that it sets it
    os.environ.setdefault('MKL_NUM_THREADS', os.environ['OMP_NUM_THREADS'])
    run = Path('work_dirs/demo') / f'{time.strftime("%Y%m%d_%H%M%S")}_seed{seed}'
    print(f'a long-tailed action detector on the toy world, some minutes; all files: {run}')
    Steps(demo_steps(run, ranks, seed), run).run()
    print(f'open it in a browser: {(ROOT / run / "test" / "report.html").as_uri()}')


main = tool_main(parse_args, work)


if __name__ == '__main__':
    sys.exit(main())
