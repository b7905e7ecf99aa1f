"""A finding of the data checks: a kind of mistake in one file, with the first places of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mmlt.fileio.dataset_checks.row_mistakes import ROW_MISTAKES
from mmlt.fileio.dataset_checks.set_mistakes import SET_MISTAKES

#: From bad to worth a look. An error makes a training stop or its numbers wrong, a warning costs
#: data or accuracy, a doubt may well be meant.
SEVERITIES = ('error', 'warning', 'doubt')
MAX_PLACES = 5
#: Kind -> how bad it is, what it does, and how to mend it.
MISTAKES = {**ROW_MISTAKES, **SET_MISTAKES}


class Place(NamedTuple):
    """Where a mistake is: the line, from 1 (None: the file has none), and what stands there."""

    line: int | None
    value: str


class Finding(NamedTuple):
    """A kind of mistake in one file.

    Attributes:
        kind: A key of ``MISTAKES``.
        severity: One of ``SEVERITIES``.
        file: The file or folder.
        what: The mistake in a few words.
        places: The first few.
        count: How many there are.
        effect: What it does to a training or its numbers.
        mend: What to do.
    """

    kind: str
    severity: str
    file: str
    what: str
    places: tuple[Place, ...]
    count: int
    effect: str
    mend: str

    @property
    def where(self) -> str:
        """The first places in a line: ``line 3: 'a,902.5'; line 9: ... and 812 more``."""
        shown = [f'line {p.line}: {p.value}' if p.line else p.value for p in self.places]
        more = self.count - len(shown)
        return '; '.join(shown) + (f' and {more:,} more' if more > 0 else '')

    def __str__(self) -> str:
        where = f' ({self.where})' if self.places else ''
        return f'{self.file}: {self.what}{where}. {self.effect} Mend: {self.mend}'


def find(
    kind: str,
    file: object,
    places: Iterable[tuple[int | None, str]] = (),
    *,
    count: int | None = None,
    severity: str | None = None,
    **details: object,
) -> Finding:
    """A finding of a known kind.

    Args:
        kind: A key of ``MISTAKES``.
        file: The file or folder.
        places: (line, value) of the first places, or of all.
        count: How many there are; None: as many as places.
        severity: None: that of the kind.
        details: What the sentences of the kind have in braces.
    """
    mistake, places = MISTAKES[kind], [Place(*place) for place in places]
    sentences = (text.format(**details) for text in (mistake.what, mistake.effect, mistake.mend))
    what, effect, mend = sentences
    count = len(places) if count is None else count
    severity = severity or mistake.severity
    return Finding(kind, severity, str(file), what, tuple(places[:MAX_PLACES]), count, effect, mend)


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the worst first, else in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def count_severities(findings: Sequence[Finding]) -> str:
    """How many of each there are, in words.

    Example:
        >>> count_severities([find('byte_order_mark', 'a.csv'), find('header', 'a.csv')])
        '1 error, 1 warning, 0 doubts'
    """
    counts = [sum(f.severity == severity for f in findings) for severity in SEVERITIES]
    return ', '.join(f'{n} {s}{"" if n == 1 else "s"}' for n, s in zip(counts, SEVERITIES))
