"""Test a checkpoint: mmaction2's own ``tools/test.py``, with mmlt imported first.

Usage: python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--dump RESULTS.pkl]
       [--launcher none|pytorch|slurm|mpi] [--cfg-options KEY=VALUE ...]
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mmaction

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)


def main():
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
