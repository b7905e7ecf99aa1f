"""Lets the modules of this folder import one another, as they do when ``run.py`` is started."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
