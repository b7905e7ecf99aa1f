"""Frame-AP beside SAP and ROC-AUC for the largest head and the smallest tail classes.

After Zhang et al. 2019, "A Study on Action Detection in the Wild", Table 1: where AP sees no
difference between two models, or any value at all in the tail, SAP does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmlt.evaluation.report.figures import COMPARED_COLOR, percent_axis, shorten_names
from mmlt.evaluation.report.html import escape, figure, run_name, scrolled, section, table, tag
from mmlt.evaluation.report.summary import tell_mean, undetected_notes
from mmlt.evaluation.report.svg import MIN_BOXES, ClassFigure
from mmlt.evaluation.runs.gains import Mean, mean_of_run
from mmlt.evaluation.runs.read import ClassRow, Run
from mmlt.evaluation.runs.schema import percent
from mmlt.evaluation.runs.tasks import DETECTION

HEADING = 'SAP vs frame-AP vs ROC-AUC, head and tail'
_TITLES = DETECTION.scores
_MEANS = {score: mean for mean, score in DETECTION.scores_of_means.items()}
_MOST = 5  # classes of each group
_MISSING = (
    'This table takes the head classes with the most training boxes and the tail classes with the '
    'fewest, but {what}. Pass <code>class_counts</code> to <code>mmlt.AVALongTailMetric</code>, or '
    '<code>--train-annotations</code> or <code>--train-counts</code> to '
    '<code>tools/analysis/evaluate_ava.py</code>.'
)
_CAPTION = (
    'The head classes with the most training boxes and the tail classes with the fewest, at most '
    '{most} of each, of those with a value in every run; the last row is the mean over all '
    'classes of a run. Frame-AP falls with the share of a class in the test set, and ROC-AUC of a '
    'rare class can be high where its boxes are far from first; SAP pits each class against as '
    'many negatives as it has positives.'
)


def three_metrics_section(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    """The section; without groups or training counts a sentence that says what to pass.

    Args:
        runs: The runs; where they have not all three measures, there is no section.
        rows: Their classes, the most frequent in training first.
    """
    if not _TITLES.keys() <= runs[0].task.scores.keys():
        return ''
    chosen = _choose(rows)
    if not chosen:
        return section(HEADING, tag('p', _MISSING.format(what=_lacking(rows)), 'hint'))
    parts = [
        scrolled(HEADING, _table(runs, chosen)),
        *undetected_notes(runs),
        tag('p', _CAPTION.format(most=_MOST), 'hint'),
    ]
    if len(runs) <= 2:
        caption = 'The three measures of the same classes, beside each other.'
        parts.append(figure(HEADING, _drawing(runs, chosen), caption))
    return section(HEADING, *parts)


def _choose(rows: Sequence[ClassRow]) -> list[ClassRow]:
    """At most five head classes, then five tail classes, by training count from most to fewest."""
    usable = [row for row in rows if row.num_train is not None and _is_scored(row)]
    head = [row for row in usable if row.group == 'head'][:_MOST]
    return head + [row for row in usable if row.group == 'tail'][-_MOST:]


def _is_scored(row: ClassRow) -> bool:
    runs = range(len(row.entries))
    return not any(math.isnan(row.value(run, key)) for run in runs for key in _TITLES)


def _lacking(rows: Sequence[ClassRow]) -> str:
    if not any(row.group for row in rows):
        return 'the classes have no groups here'
    if all(row.num_train is None for row in rows):
        return 'no training counts are known here'
    return 'none of them has a value in every run'


def _table(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    body = []
    for row in rows:
        members = [other for other in rows if other.group == row.group]
        band = ''
        if row is members[0]:
            chip = f'<span class="chip {row.group}">{row.group}</span>'
            band = tag(f'th rowspan="{len(members)}" scope="rowgroup"', chip)
        values = [[Mean(row.value(run, key)) for run in range(len(runs))] for key in _TITLES]
        start = f'{band}<th scope="row">{escape(row.name)}</th><td>{row.num_train:,}</td>'
        body.append(start + _cells(values))
    means = [[mean_of_run(run, None, key) for run in runs] for key in map(_MEANS.get, _TITLES)]
    body.append(f'<th colspan="2" scope="row">average, all classes</th><td></td>{_cells(means)}')
    return table('summary three', _heads(runs), body)


def _heads(runs: Sequence[Run]) -> list[str]:
    """A band for each metric and, of several runs, their names below it."""
    count = len(runs)
    rows = 1 if count == 1 else 2
    start = ''.join(
        f'<th{span} rowspan="{rows}" scope="col">{title}</th>'
        for span, title in ((' colspan="2"', 'class'), ('', 'training boxes'))
    )
    if count == 1:
        return [start + ''.join(tag('th scope="col"', t, 'edge') for t in _TITLES.values())]
    band = f'th colspan="{count}" scope="colgroup"'
    short = shorten_names([run.name for run in runs])
    names = ''.join(
        tag('th scope="col"', run_name(run.name, text), _edge(index))
        for index, (run, text) in enumerate(zip(runs, short))
    )
    return [start + ''.join(tag(band, t, 'edge') for t in _TITLES.values()), names * len(_TITLES)]


def _cells(values: Sequence[Sequence[Mean]]) -> str:
    """The cells of a row, metric by metric; the best of several runs stands out."""
    cells = []
    for of_runs in values:
        texts = [percent(mean.value) for mean in of_runs]
        best = max((float(text) for text in texts if text != '–'), default=math.nan)
        for index, text in enumerate(texts):
            is_best = len(set(texts)) > 1 and text != '–' and float(text) == best
            shown = tell_mean(of_runs[index]._replace(interval=None))
            cells.append(tag('td', shown, f'{_edge(index)} {"best" if is_best else ""}'))
    return ''.join(cells)


def _edge(run: int) -> str:
    return '' if run else 'edge'


def _drawing(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    """All chosen classes three times in a row, once for each metric."""
    blocks = []
    for key in _TITLES:
        blocks += [*([None] if blocks else []), *((key, row) for row in rows)]
    groups = [block and block[1].group for block in blocks]
    names = ['' if block is None else block[1].name for block in blocks]
    values = [
        np.array([math.nan if b is None else b[1].value(run, b[0]) for b in blocks])
        for run in range(len(runs))
    ]
    titles = shorten_names([run.name for run in runs])
    few = [block is not None and block[1].num_tested < MIN_BOXES for block in blocks]
    with ClassFigure(names, groups, height=4.8, few=few) as drawing:
        axes = drawing.axes[0]
        if len(runs) == 2:
            drawing.bars(axes, values[0], COMPARED_COLOR, titles[0], width=0.42, offset=-0.21)
            drawing.group_bars(axes, values[1], titles[1], width=0.42, offset=0.21)
        else:
            drawing.group_bars(axes, values[0], titles[0])
        percent_axis(axes, 'percent')
        axes.set_ylim(0, 1.1)  # room for what each block is
        for index, title in enumerate(_TITLES.values()):
            middle = index * (len(rows) + 1) + (len(rows) - 1) / 2
            axes.text(middle, 1.03, title, ha='center', va='bottom', weight='bold')
        texts = ['' if b is None else _hover(runs, *b) for b in blocks]
        return drawing.to_svg('three', HEADING, texts)


def _hover(runs: Sequence[Run], key: str, row: ClassRow) -> str:
    values = ', '.join(f'{run.name} {percent(row.value(i, key))}' for i, run in enumerate(runs))
    return f'{row.name}: {_TITLES[key]} {values}'
