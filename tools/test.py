"""Test a checkpoint: mmaction2's own ``tools/test.py``, with mmlt imported first.

Usage: python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--dump RESULTS.pkl]
       [--launcher none|pytorch|slurm|mpi] [--cfg-options KEY=VALUE ...]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mmaction

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)

if __name__ == '__main__':
    stock = Path(mmaction.__file__).parent / '.mim' / 'tools' / 'test.py'
    runpy.run_path(str(stock), run_name='__main__')
