"""What is to be said of a kind of mistake."""

from __future__ import annotations

from typing import NamedTuple

STOPS = 'Training stops when it reads the file.'
FIX = ' --fix does it.'


class Mistake(NamedTuple):
    """One kind; braces stand for details of a finding.

    Attributes:
        severity: 'error', 'warning' or 'doubt'.
        what: The mistake in a few words.
        effect: What it does to a training or its numbers, a sentence.
        mend: What to do, a sentence.
    """

    severity: str
    what: str
    effect: str
    mend: str
