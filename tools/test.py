#!/usr/bin/env python
"""Test a checkpoint: mmaction2's own ``tools/test.py``, with mmlt imported first.

Usage: python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--dump RESULTS.pkl]
       [--launcher none|pytorch|slurm|mpi] [--on train|val|test] [--cfg-options KEY=VALUE ...]

``--on train`` and ``--on val`` test on the files of those splits instead of the test split's.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mmaction

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)


def apply_split(arguments: list[str]) -> list[str]:
    """Replace ``--on SPLIT`` by the config options that it stands for."""
    if '--on' not in arguments:
        return arguments
    place = arguments.index('--on')
    if place == 0 or place + 1 >= len(arguments):
        sys.exit('usage: test.py CONFIG CHECKPOINT --on train|val|test')
    split, rest = arguments[place + 1], arguments[:place] + arguments[place + 2 :]
    from mmengine.config import Config

    from mmlt.evaluation.other_split import test_overrides

    try:
        overrides = test_overrides(Config.fromfile(rest[0]), split)
    except (OSError, ValueError) as error:
        sys.exit(f'{rest[0]}: {error}')
    options = [f'{key}={value}' for key, value in overrides.items()]
    if not options:
        return rest
    if '--cfg-options' not in rest:
        return [*rest, '--cfg-options', *options]
    place = rest.index('--cfg-options') + 1  # options given by hand come later, and win
    return rest[:place] + options + rest[place:]


def main():
    sys.argv[1:] = apply_split(sys.argv[1:])
    stock = runpy.run_path(str(Path(mmaction.__file__).parent / '.mim' / 'tools' / 'test.py'))
    args = stock['parse_args']()
    missing = [] if Path(args.config).is_file() else [f'{args.config}: no such config']
    if '://' not in args.checkpoint and not Path(args.checkpoint).is_file():
        missing.append(f'{args.checkpoint}: no such checkpoint')
    if missing:
        # one line, whatever the number of ranks
        if os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0':
            print(f'error: {"; ".join(missing)}', file=sys.stderr)
        sys.exit(2)
    stock['main']()


if __name__ == '__main__':
    main()
