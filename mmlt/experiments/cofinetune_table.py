"""Co-finetuning's contrasts, as they were written down before the runs, and what came out.

W worlds, S seeds of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mmlt.experiments.commands import ROOT
from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.seed_table import with_error
from mmlt.fileio.json_files import read_json_object

CONTRASTS = ROOT / 'configs' / 'cofinetune' / 'contrasts.json'
#: Row -> measure -> (W, S) fractions.
Rows = Mapping[str, Mapping[str, Sequence[Sequence[float]]]]


class Contrast(NamedTuple):
    """A row against another, in one measure.

    Attributes:
        name: What differs.
        row: Its name.
        against: The comparator's.
        measure: As 'AP tail' or 'top1 A'.
        paper: The paper's gain in points; '+': it expects a gain, and has no number of it.
        source: Where in the paper.
    """

    name: str
    row: str
    against: str
    measure: str
    paper: float | str
    source: str


class Gain(NamedTuple):
    """A paired difference.

    Attributes:
        mean: Over all worlds and seeds, a fraction.
        error: The larger of the standard errors over the worlds' means and over the runs within
            their worlds; of one world the latter alone.
        verdict: 'agrees', 'disagrees' or 'cannot be told'.
    """

    mean: float
    error: float
    verdict: str

    def __str__(self) -> str:
        return with_error(self.mean, self.error, '+.1f')


def read_contrasts(on: str) -> list[Contrast]:
    """All contrasts of a part, one a measure, in the order of the file.

    Args:
        on: 'features' or 'pixels'.
    """
    return [
        Contrast(each['name'], each['row'], each['against'], measure, paper, each['source'])
        for each in read_json_object(CONTRASTS)['contrasts']
        if each['on'] == on
        for measure, paper in each['paper'].items()
    ]


def paired_gain(values: Sequence[Sequence[float]], against: Sequence[Sequence[float]]) -> Gain:
    r"""Judge a difference by the rule of the contrasts' file.

    .. math::
        e = \max\left(\sqrt{\frac{\sum_w (\bar d_w - \bar d)^2}{W (W - 1)}},
        \sqrt{\frac{\sum_{ws} (d_{ws} - \bar d_w)^2}{W (S - 1)\, W S}}\right)

    It is told where :math:`|\bar d| > 2 e` and all :math:`\bar d_w` (of one world, all
    :math:`d_s`) have its sign.

    Args:
        values: (W, S) fractions of the row.
        against: (W, S) of the comparator, of the same worlds and seeds.

    Raises:
        ValueError: Their shapes differ, or one run alone, which has no error.
    """
    ours, theirs = np.asarray(values, np.float64), np.asarray(against, np.float64)
    if ours.shape != theirs.shape or ours.ndim != 2:
        raise ValueError(f'runs of shape {ours.shape} cannot be paired with {theirs.shape}')
    if ours.size < 2:
        raise ValueError('a single run has no error: run more seeds or worlds')
    differences = ours - theirs
    num_worlds, num_seeds = differences.shape
    of_worlds = differences.mean(axis=1)
    errors = []
    if num_worlds > 1:
        errors.append(of_worlds.std(ddof=1) / np.sqrt(num_worlds))
    if num_seeds > 1:
        errors.append(np.sqrt(differences.var(axis=1, ddof=1).mean() / differences.size))
    mean, error = float(differences.mean()), float(max(errors))
    units = of_worlds if num_worlds > 1 else differences[0]
    is_told = abs(mean) > 2 * error and bool((np.sign(units) == np.sign(mean)).all())
    verdict = 'cannot be told' if not is_told else 'agrees' if mean > 0 else 'disagrees'
    return Gain(mean, error, verdict)


def contrast_gain(rows: Rows, contrast: Contrast) -> Gain:
    """The gain of a contrast; see :func:`paired_gain`.

    Raises:
        ValueError: A row or its measure is missing: a contrast is never left out.
    """
    found = []
    for row in (contrast.row, contrast.against):
        if contrast.measure not in rows.get(row, {}):
            raise ValueError(f'contrast {contrast.name!r}: no {contrast.measure} of row {row!r}')
        found.append(rows[row][contrast.measure])
    return paired_gain(*found)


def contrast_table(on: str, rows: Rows) -> str:
    """All contrasts of a part with the paper's gains and the verdicts, as Markdown."""
    lines = []
    for contrast in read_contrasts(on):
        gain = contrast_gain(rows, contrast)
        lines.append((*_names(contrast), _of_paper(contrast.paper), str(gain), gain.verdict))
    return markdown_table(('contrast', 'measure', 'paper', 'ours', 'verdict'), lines)


def cell_table(on: str, cells: Mapping[str, Rows]) -> str:
    """All contrasts of a part in several cells of the design, as Markdown.

    Args:
        on: 'features' or 'pixels'.
        cells: Name of a cell -> its rows.
    """
    lines = []
    for contrast in read_contrasts(on):
        gains = [contrast_gain(rows, contrast) for rows in cells.values()]
        lines.append((*_names(contrast), *(f'{gain}, {gain.verdict}' for gain in gains)))
    return markdown_table(('contrast', 'measure', *cells), lines)


def row_table(rows: Rows, labels: Mapping[str, str], measures: Sequence[str]) -> str:
    """Means of rows in percent with their errors, as Markdown.

    Args:
        rows: The results.
        labels: Row -> what the table calls it, in its order.
        measures: The columns; a row without one has an empty cell.
    """
    lines = []
    for row, label in labels.items():
        cells = [_mean(rows[row][key]) if key in rows[row] else '' for key in measures]
        lines.append((label, *cells))
    return markdown_table(('row', *measures), lines)


def _mean(values: Sequence[Sequence[float]]) -> str:
    """Of a row alone: the error is that of its difference from nothing."""
    array = np.asarray(values, np.float64)
    return with_error(*paired_gain(array, np.zeros_like(array))[:2])


def _names(contrast: Contrast) -> tuple[str, str]:
    return f'{contrast.name} (`{contrast.row}` - `{contrast.against}`)', contrast.measure


def _of_paper(paper: float | str) -> str:
    return paper if isinstance(paper, str) else f'{paper:+.1f}'
