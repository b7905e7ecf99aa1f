"""Contrasts, as they were written down before the runs, and what came out.

W worlds, S seeds of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.seed_table import with_error
from mmlt.fileio.json_files import read_json_object

#: Row -> measure -> (W, S) fractions.
Rows = Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
#: Within which two rows are alike, where a paper says that they are.
MARGIN = 0.01


class Contrast(NamedTuple):
    """A row against another, in one measure.

    Attributes:
        name: What differs.
        row: Its name.
        against: The comparator's.
        measure: As 'AP tail' or 'top1 A'.
        paper: The paper's gain in points; without a number '+': it expects a gain; '0': it finds
            none; 'not +': it finds the row not to be better.
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


def read_contrasts(path: Path, on: str) -> list[Contrast]:
    """All contrasts of a part, one a measure, in the order of the file.

    Args:
        path: ``contrasts.json`` of a paper.
        on: 'features' or 'pixels'.
    """
    return [
        Contrast(each['name'], each['row'], each['against'], measure, paper, each['source'])
        for each in read_json_object(path)['contrasts']
        if each['on'] == on
        for measure, paper in each['paper'].items()
    ]


def paired_gain(
    values: Sequence[Sequence[float]],
    against: Sequence[Sequence[float]],
    paper: float | str = '+',
) -> Gain:
    r"""Judge a difference by the rule of the contrasts' file.

    .. math::
        e = \max\left(\sqrt{\frac{\sum_w (\bar d_w - \bar d)^2}{W (W - 1)}},
        \sqrt{\frac{\sum_{ws} (d_{ws} - \bar d_w)^2}{W (S - 1)\, W S}}\right)

    It is told where :math:`|\bar d| > 2 e` and all :math:`\bar d_w` (of one world, all
    :math:`d_s`) have its sign. Where the paper has no gain, 'agrees' asks for a difference within
    ``MARGIN``, 'disagrees' for one beyond.

    Args:
        values: (W, S) fractions of the row.
        against: (W, S) of the comparator, of the same worlds and seeds.
        paper: What the paper says; see :class:`Contrast`.

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
    return Gain(mean, error, _verdict(mean, error, is_told, paper))


def _verdict(mean: float, error: float, is_told: bool, paper: float | str) -> str:
    if paper == '0':
        agrees, disagrees = abs(mean) + 2 * error <= MARGIN, is_told and abs(mean) > MARGIN
    elif paper == 'not +':
        agrees, disagrees = mean + 2 * error <= MARGIN, is_told and mean > MARGIN
    else:
        agrees, disagrees = is_told and mean > 0, is_told and mean < 0
    return 'agrees' if agrees else 'disagrees' if disagrees else 'cannot be told'


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
    return paired_gain(*found, contrast.paper)


def contrast_table(path: Path, on: str, rows: Rows) -> str:
    """All contrasts of a part with the paper's gains and the verdicts, as Markdown."""
    lines = []
    for contrast in read_contrasts(path, on):
        gain = contrast_gain(rows, contrast)
        lines.append((*_names(contrast), _of_paper(contrast.paper), str(gain), gain.verdict))
    return markdown_table(('contrast', 'measure', 'paper', 'ours', 'verdict'), lines)


def cell_table(path: Path, on: str, cells: Mapping[str, Rows]) -> str:
    """All contrasts of a part in several cells of the design, as Markdown.

    A measure that no row of a cell has is not defined there, and its place stays empty.

    Args:
        path: ``contrasts.json`` of a paper.
        on: 'features' or 'pixels'.
        cells: Name of a cell -> its rows.
    """
    lines = []
    for contrast in read_contrasts(path, on):
        told = []
        for rows in cells.values():
            if any(contrast.measure in measures for measures in rows.values()):
                gain = contrast_gain(rows, contrast)
                told.append(f'{gain}, {gain.verdict}')
            else:
                told.append('')
        lines.append((*_names(contrast), *told))
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
