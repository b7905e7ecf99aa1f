"""All mistakes that are planted in a copy of the small good set."""

from __future__ import annotations

from planted_in_rows import IN_ROWS
from planted_in_sets import IN_SETS

TRAPS = {**IN_ROWS, **IN_SETS}
