"""How many rows each class has in each split, and what the proposals find of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mmlt.evaluation.report.html import escape, figure, scrolled, section, table, tag
from mmlt.evaluation.report.svg import ClassFigure
from mmlt.fileio.class_split import GROUPS, read_split
from mmlt.fileio.dataset_checks.overlap import class_recalls
from mmlt.fileio.dataset_checks.settings import GroupRule
from mmlt.fileio.dataset_checks.whole import DatasetCheck
from mmlt.functional import split_head_medium_tail

_CAPTION = (
    'Rows of each class (a box counts once for each of its labels), the most frequent in training '
    'on the left, on a logarithmic scale. {groups}{note}'
)
_LIMITS = 'Head: more than {head_min:,} training rows; tail: at most {tail_max:,}.'
_SPLIT_FILE = 'Head, medium and tail are those of {split_file}.'
_ONE_GROUP = ' All classes are of one group: set head_min and tail_max of the metric.'
_HINT = (
    'Rows a split; in brackets, the share of them whose box a proposal meets (IoU of at least .5, '
    'person_det_score_thr or more): no detector built on these proposals finds more.'
)


class ClassRow(NamedTuple):
    """One class.

    Attributes:
        class_id: Its id.
        name: Its name.
        group: 'head', 'medium' or 'tail'.
        counts: Rows in each split.
        recalls: Share of them that a proposal meets; NaN where it is not known.
    """

    class_id: int
    name: str
    group: str
    counts: tuple[int, ...]
    recalls: tuple[float, ...]


def class_rows(check: DatasetCheck, rule: GroupRule) -> list[ClassRow]:
    """All classes, the most frequent in training first; see :class:`ClassRow`.

    Args:
        check: What was read.
        rule: What makes the groups.
    """
    ids = list(check.label_map)
    splits = list(check.rows)
    counts = np.array([[check.counts[s].get(i, 0) for s in splits] for i in ids]).reshape(
        len(ids), -1
    )
    trained = [place for place, name in enumerate(splits) if name.split()[0] == 'train']
    train_counts = counts[:, trained].sum(axis=1)
    group_of = _groups(ids, train_counts, rule)
    recalls = [
        class_recalls(check.fits[s], check.rows[s].boxes.labels) if s in check.fits else {}
        for s in splits
    ]
    rows = [
        ClassRow(
            class_id,
            check.label_map[class_id],
            group_of[class_id],
            tuple(counts[place].tolist()),
            tuple(of_split.get(class_id, math.nan) for of_split in recalls),
        )
        for place, class_id in enumerate(ids)
    ]
    order = np.lexsort((ids, -counts.sum(axis=1), -train_counts))
    return [rows[place] for place in order.tolist()]


def _groups(ids: list[int], train_counts: np.ndarray, rule: GroupRule) -> dict[int, str]:
    if rule.split_file:
        groups = read_split(rule.split_file, ids).groups
    else:
        limits = dict(head_min=rule.head_min, tail_max=rule.tail_max)
        parts = split_head_medium_tail(train_counts, **limits)
        groups = {group: [ids[i] for i in part] for group, part in zip(GROUPS, parts)}
    return {class_id: group for group, members in groups.items() for class_id in members}


def histogram_section(check: DatasetCheck, rows: list[ClassRow], rule: GroupRule) -> str:
    """A panel of bars for each split, in the colours of head, medium and tail."""
    splits = list(check.rows)
    if not rows or not splits:
        return ''
    names, groups = [row.name for row in rows], [row.group for row in rows]
    height = 1.5 + 1.7 * len(splits)
    with ClassFigure(names, groups, height=height, panels=len(splits), noun='rows') as drawing:
        for place, (axes, split) in enumerate(zip(drawing.axes, splits)):
            counts = np.array([row.counts[place] for row in rows], dtype=float)
            axes.set_yscale('log')
            axes.minorticks_off()
            label = 'rows' if place == 0 else '_'
            _group_bars(drawing, axes, np.where(counts > 0, counts, np.nan), label)
            axes.set_ylim(0.5, 2.5 * max(10.0, counts.max()))
            axes.yaxis.set_major_formatter(lambda value, _: f'{value:,.0f}' if value >= 1 else '')
            axes.set_ylabel(split)
        texts = [f'{row.name}: {_told_counts(row, splits)}' for row in rows]
        label = 'Rows of each class in each split, log scale'
        svg = drawing.to_svg('classes', label, texts)
    note = _ONE_GROUP if len(set(groups)) == 1 and len(groups) > 1 else ''
    groups = (_SPLIT_FILE if rule.split_file else _LIMITS).format(**rule._asdict())
    caption = _CAPTION.format(groups=groups, note=note)
    return section('How frequent the classes are', figure(label, svg, escape(caption)))


def _group_bars(drawing: ClassFigure, axes, counts: np.ndarray, label: str) -> None:
    """The legend stands above the first panel alone."""
    drawing.group_bars(axes, counts, label, bottom=0.5)
    if label == '_':
        for patch in axes.patches:
            patch.set_label('_')


def _told_counts(row: ClassRow, splits: list[str]) -> str:
    return ', '.join(f'{count:,} in {name}' for name, count in zip(splits, row.counts))


def class_table_section(check: DatasetCheck, rows: list[ClassRow]) -> str:
    """The same as a table, with the recall of the proposals."""
    splits = list(check.rows)
    heads = ['class', 'id', 'group', *splits]
    head = ''.join(
        tag('th scope="col"', escape(text), 'left' if text == 'class' else '') for text in heads
    )
    body = []
    for row in rows:
        chip = tag('span', row.group, f'chip {row.group}')
        cells = [
            tag('th scope="row"', escape(row.name)),
            tag('td', str(row.class_id)),
            tag('td', chip),
        ]
        cells += [
            tag('td', _cell(n, r), '' if n else 'few') for n, r in zip(row.counts, row.recalls)
        ]
        body.append(''.join(cells))
    listing = table('worst', [head], body)
    return section('All classes', tag('p', escape(_HINT), 'hint'), scrolled('All classes', listing))


def _cell(count: int, recall: float) -> str:
    return f'{count:,}' if math.isnan(recall) else f'{count:,} <small>({recall:.0%})</small>'
