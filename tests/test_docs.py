"""What the documents print is what the code and the results files give."""

from __future__ import annotations

import doctest
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from mmlt.evaluation.videolt_table import seed_table

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'
sys.path.insert(0, str(ROOT / 'tools' / 'analysis'))
import run_toy_table  # noqa: E402
