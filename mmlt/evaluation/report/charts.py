"""The charts of a report with what a reader must know to read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmlt.evaluation.report.figures import (
    all_runs_figure,
    ap_figure,
    frequency_figure,
    gain_figure,
    percent,
    scores_figure,
)
from mmlt.evaluation.report.html import escape, figure, section, tag
from mmlt.evaluation.runs.read import ClassRow, Run, has_counts, share_classes
from mmlt.evaluation.runs.schema import DETECTION

_EXPLAINED = (
    '<b>Frame-AP</b> ranks every detected box by the model’s score for a class and is high when '
    'those of that class come first; frame-mAP is its mean over the classes. It depends on '
    'prevalence: where a class is rare in the test set, even a good model has a frame-AP near '
    'zero. <b>SAP</b> (sampled AP, mean mSAP) is AP when a class’s annotated boxes meet as many '
    'others, drawn at random, so that rare and frequent classes can be compared. Random scores '
    'give about 50 only where every box has a score; where boxes are missed it is less, about 40 '
    'where a fifth of them is{missed}. <b>ROC-AUC</b> (mean mAUC) is the area under the ROC '
    'curve of the same boxes.'
)
_CLASSIFIER_EXPLAINED = (
    '<b>AP</b> ranks every sample by the model’s score for a class and is high when the samples of '
    'that class come first; mAP is its mean over the classes. It depends on prevalence: where a '
    'class is rare in the test set, even a good model has an AP near zero.'
)
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
_SCORES = (
    'Dashed line: the SAP of random scores where no box is missed. Thin line on a bar: one '
    'standard deviation of SAP over {trials} draws.'
)
_CLASSIFIER_SCORES = 'The most frequent class is on the left.'
_AS_ABOVE = 'As above, with the classes in the same order.'
_GAIN = (
    'Above: the {score} of both runs. Below: how many points the second run gains{marks}, the '
    'class that gains most on the left.{left_out}'
)
_ALL_RUNS = (
    'SAP of each class in every run. Dashed line: the SAP of random scores where no box is missed.'
)
_CLASSIFIER_ALL_RUNS = 'AP of each class in every run.'


def explanation(runs: Sequence[Run]) -> str:
    """What the measures mean, before anything is drawn of them."""
    if runs[0].task is not DETECTION:
        return tag('p', _CLASSIFIER_EXPLAINED, 'hint')
    told = []
    for run in runs:
        share = run.metrics.get('no_score_ratio', 0)
        if share > _LITTLE:
            who = f'in {run.name} ' if len(runs) > 1 else ''
            told.append(f'{who}{percent(share)}% of the scores are missing')
    missed = f' (here {"; ".join(map(escape, told))})' if told else ''
    return tag('p', _EXPLAINED.format(missed=missed), 'hint')


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
    heading = 'How frequent the classes are'
    parts = [_drawn(heading, frequency_figure(drawn, task), caption + note)]
    if len(runs) > 2:
        heading = f'{task.gains[0]} of every run, classes by {order}'
        caption = _ALL_RUNS if task is DETECTION else _CLASSIFIER_ALL_RUNS
        parts.append(_drawn(heading, all_runs_figure(drawn, names, task), caption + note))
        return ''.join(parts)
    what, draw, caption = 'AP', ap_figure, _CLASSIFIER_SCORES
    if task is DETECTION:
        what, draw = 'SAP and frame-AP', scores_figure
        caption = _SCORES.format(trials=runs[0].metrics['num_trials'])
    for index, run in enumerate(runs):
        heading = f'{what} of {run.name}, classes by {order}'
        text = _AS_ABOVE if index else caption + note
        parts.append(_drawn(heading, draw(drawn, index, run.name), text))
    if len(runs) == 2 and share_classes(*runs):
        parts.append(_gain(runs, drawn))
    return ''.join(parts)


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
    score = task.gains[0]
    marks = f' (bars: {score}, diamonds: frame-AP)' if task is DETECTION else ''
    heading = f'What {names[1]} gains on {names[0]}, class by class'
    lost = sum(math.isnan(row.gain(1, score)) for row in rows)
    have = 'class has' if lost == 1 else 'classes have'
    left_out = f' {lost:,} {have} no {score} in one of the runs.' if lost else ''
    caption = _GAIN.format(score=score, marks=marks, left_out=left_out)
    return _drawn(heading, gain_figure(rows, names, task), caption)


def _drawn(heading: str, drawing: str, caption: str) -> str:
    return section(heading, figure(heading, drawing, caption))
