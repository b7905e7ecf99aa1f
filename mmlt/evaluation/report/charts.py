"""The charts of a report with what a reader must know to read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmlt.evaluation.report.figures import (
    all_runs_figure,
    frequency_figure,
    gain_figure,
    scores_figure,
)
from mmlt.evaluation.report.html import escape, figure, section, tag
from mmlt.evaluation.runs.read import ClassRow, Run, has_counts, share_classes
from mmlt.evaluation.runs.schema import percent

_LITTLE = 0.01  # a share of boxes without a score that is not worth a word
_FREQUENCY = (
    'Bars: how many labelled {noun} of each class the training set holds, the most frequent class '
    'on the left. The scale is logarithmic: each grid line is ten times the one below. Diamonds: '
    'how many {noun} of the class the scores of this report rest on.'
)
_FREQUENCY_NO_COUNTS = (
    'How many annotated {noun} of each class the scores of this report rest on, on a logarithmic '
    'scale. The runs name no training counts, so that classes have no head, medium and tail.'
)
_CHANCE = 'Dashed line: the {score} of random scores where no box is missed.'
_DEVIATION = 'Thin line on a bar: one standard deviation of {score} over {num_trials} draws.'
_MOST_FREQUENT_FIRST = 'The most frequent class is on the left.'
_AS_ABOVE = 'As above, with the classes in the same order.'
_GAIN = (
    'Above: the {score} of both runs. Below: how many points the second run gains{marks}, the '
    'class that gains most on the left.{left_out}'
)
_ALL_RUNS = '{score} of each class in every run.'


def explanation(runs: Sequence[Run]) -> str:
    """What the measures mean, before anything is drawn of them."""
    told = []
    for run in runs:
        share = run.metrics.get('no_score_ratio', 0)
        if share > _LITTLE:
            who = f'in {run.name} ' if len(runs) > 1 else ''
            told.append(f'{who}{percent(share)}% of the scores are missing')
    missed = f' (here {"; ".join(map(escape, told))})' if told else ''
    return tag('p', runs[0].task.explanation.format(missed=missed), 'hint')


def figure_sections(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    """Class frequencies, scores, and what the second of two runs gains, a section each.

    Classes without an evaluated box (or sample) have no score and are left out, with a note.
    """
    names, task = [run.name for run in runs], runs[0].task
    drawn = [row for row in rows if row.num_tested]
    if not drawn:
        return ''
    note = _left_out_note(len(rows) - len(drawn), len(rows), task.noun)
    order = f'training {task.noun}' if has_counts(drawn) else f'evaluated {task.noun}'
    caption = (_FREQUENCY if has_counts(drawn) else _FREQUENCY_NO_COUNTS).format(noun=task.noun)
    score, (chance, deviation) = task.scores[task.gains[0]], _lines(runs[0])
    heading = 'How frequent the classes are'
    parts = [_drawn(heading, frequency_figure(drawn, task), caption + note)]
    if len(runs) > 2:
        heading = f'{score} of every run, classes by {order}'
        caption = f'{_ALL_RUNS.format(score=score)} {chance}'.rstrip()
        parts.append(_drawn(heading, all_runs_figure(drawn, names, task), caption + note))
        return ''.join(parts)
    what = ' and '.join(task.scores[key] for key in task.gains)
    caption = f'{chance} {deviation}'.strip() or _MOST_FREQUENT_FIRST
    for index, run in enumerate(runs):
        heading = f'{what} of {run.name}, classes by {order}'
        text = _AS_ABOVE if index else caption + note
        parts.append(_drawn(heading, scores_figure(drawn, index, run.name, task), text))
    if len(runs) == 2 and share_classes(*runs):
        parts.append(_gain(runs, drawn))
    return ''.join(parts)


def _lines(run: Run) -> tuple[str, str]:
    """What the dashed line and the thin ones are, where the first score of the task has them."""
    lead, score = run.task.measure(run.task.gains[0]), run.task.scores[run.task.gains[0]]
    chance = '' if lead.chance is None else _CHANCE.format(score=score)
    if lead.deviation is None:
        return chance, ''
    return chance, _DEVIATION.format(score=score, num_trials=run.metrics['num_trials'])


def _left_out_note(lacking: int, total: int, noun: str) -> str:
    """What the charts do not show, and where it stands; '' where they show all."""
    if not lacking:
        return ''
    is_one = lacking == 1
    return (
        f' {lacking:,} of {total:,} classes {"has" if is_one else "have"} no evaluated {noun} and '
        f'{"is" if is_one else "are"} left out; the table of <a href="#classes">all classes</a> '
        f'lists {"it" if is_one else "them"}.'
    )


def _gain(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    names, task = [run.name for run in runs], runs[0].task
    score, *others = (task.scores[key] for key in task.gains)
    marks = f' (bars: {score}, diamonds: {" and ".join(others)})' if others else ''
    heading = f'What {names[1]} gains on {names[0]}, class by class'
    lost = sum(math.isnan(row.gain(1, task.gains[0])) for row in rows)
    have = 'class has' if lost == 1 else 'classes have'
    left_out = f' {lost:,} {have} no {score} in one of the runs.' if lost else ''
    caption = _GAIN.format(score=score, marks=marks, left_out=left_out)
    return _drawn(heading, gain_figure(rows, names, task), caption)


def _drawn(heading: str, drawing: str, caption: str) -> str:
    return section(heading, figure(heading, drawing, caption))
