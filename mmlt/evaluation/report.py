"""One HTML file about one run, or about several beside each other, that opens offline."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from string import Template

from mmlt.evaluation.report_facts import facts_list, shuffle_facts, warnings_of
from mmlt.evaluation.report_figures import (
    all_runs_figure,
    ap_figure,
    frequency_figure,
    gain_figure,
    scores_figure,
)
from mmlt.evaluation.report_parts import escape, figure, scrolled, section, tag
from mmlt.evaluation.report_runs import read_runs
from mmlt.evaluation.report_shuffle_bias import shuffle_bias_section
from mmlt.evaluation.report_tables import class_section, present_groups, summary_table
from mmlt.evaluation.report_three_metrics import three_metrics_section
from mmlt.evaluation.run_metrics import (
    ClassRow,
    Run,
    compare_runs,
    has_counts,
    join_classes,
    share_classes,
)
from mmlt.evaluation.run_tasks import DETECTION
from mmlt.functional.safe_write import new_file

MAX_BYTES = 2_000_000
_TEMPLATE = Path(__file__).parent.parent / 'resources' / 'report.html'
_SUMMARY_HINT = 'In percent; a mean is over the classes that have a value, all counting alike.'
_CLASSIFIER_HINT = (
    'Acc@k: the share of the samples that have a true class among their k best-scored ones. '
    'R@k is the mean recall at k: the share of a class’s samples that have that very class there.'
)
_GROUP_HINT = 'Head, medium and tail: classes with many, fewer and few training examples.'
_FREQUENCY = (
    'Bars: how many labelled {noun} of each class the training set holds, the most frequent class '
    'on the left. The scale is logarithmic: each grid line is ten times the one below. Diamonds: '
    'how many {noun} of the class the scores of this report rest on. A class with none has no mark.'
)
_FREQUENCY_NO_COUNTS = (
    'How many annotated {noun} of each class the scores of this report rest on, on a logarithmic '
    'scale. The runs name no training counts, so that classes have no head, medium and tail.'
)
_SCORES = (
    '<b>AP</b>: rank every box by the model’s score for a class; AP is high when the boxes of that '
    'class come first. Where they are a few among very many others, even a good model has an AP '
    'near zero, so that AP follows how rare the class is in the test set. <b>SAP</b> (sampled AP) '
    'is AP when a class’s positives meet as many negatives, drawn at random: rare and frequent '
    'classes can be compared. Random scores get about 50 (dashed line). Thin line on a bar: one '
    'standard deviation of SAP over {trials} draws.'
)
_CLASSIFIER_SCORES = (
    '<b>AP</b>: rank every sample by the model’s score for a class; AP is high when the samples of '
    'that class come first. Where they are a few among very many others, even a good model has an '
    'AP near zero, so that AP follows how rare the class is in the test set.'
)
_AS_ABOVE = 'As above, with the classes in the same order.'
_GAIN = (
    'Above: the SAP of both runs. Below: how many points the second run gains (bars: SAP, '
    'diamonds: AP), the class that gains most on the left.{left_out}'
)
_CLASSIFIER_GAIN = (
    'Above: the AP of both runs. Below: how many points the second run gains, the class that '
    'gains most on the left.{left_out}'
)
_ALL_RUNS = (
    'SAP of each class in every run: AP when a class’s positives meet as many negatives, drawn at '
    'random. Random scores get about 50 (dashed line).'
)
_CLASSIFIER_ALL_RUNS = 'AP of each class in every run.'


def build_report(
    runs: str | os.PathLike | Sequence[str | os.PathLike],
    out_path: str | os.PathLike,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of one or several runs.

    Two runs are compared class by class; with more, each is compared with the first. Runs with
    different classes are shown over the union of them, and the report says so. The runs are AVA
    detectors or classifiers, all of a kind. Where run folders hold a ``shuffle_bias.json``, the
    report has a section about it; runs that hold nothing else get a report of that alone.

    Args:
        runs: Run folders (or the file in them), the baseline first.
        out_path: The HTML file to write.
        names: What to call the runs; None takes the names of their folders.
        title: Heading of the report; None makes one from the names.
        overwrite: Whether an existing file may be replaced.

    Returns:
        ``out_path``.

    Raises:
        FileExistsError: ``out_path`` exists and ``overwrite`` is false.
        FileNotFoundError: A run has no ``metrics.json`` and no ``shuffle_bias.json``.
        ValueError: No run, another number of names than runs, a malformed file, runs of
            different kinds, or a report of more than 2 MB.
        ImportError: matplotlib is not installed.
    """
    paths = [Path(path) for path in ([runs] if isinstance(runs, (str, os.PathLike)) else runs)]
    if not paths:
        raise ValueError('runs: at least one run folder is needed')
    if names is not None and len(names) != len(paths):
        raise ValueError(f'names: got {len(names)} for {len(paths)} runs: {list(names)}')
    out_path = Path(out_path)
    if out_path.exists() and not overwrite:  # said before the work; new_file makes sure of it
        raise FileExistsError(f'{out_path}: exists already; pass --overwrite to replace it')
    page = _render(read_runs(paths, names), title)
    content = page.encode('utf-8')
    if len(content) > MAX_BYTES:
        raise ValueError(
            f'runs: the report of {len(paths)} runs would take {len(content) / 1e6:.1f} MB, more '
            f'than {MAX_BYTES / 1e6:.0f} MB; give fewer runs'
        )
    with new_file(out_path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)
    return out_path


def _render(runs: Sequence[Run], title: str | None) -> str:
    if runs[0].metrics:
        title = title or _title('Long-tail report', runs)
        facts, notes, main = _long_tail(runs)
    else:
        title = title or _title('Shuffle bias', runs)
        facts, notes, main = shuffle_facts(runs), [], shuffle_bias_section(runs)
    return Template(_TEMPLATE.read_text(encoding='utf-8')).substitute(
        title=escape(title),
        facts=facts,
        notes=''.join(tag('p', escape(note), 'note') for note in notes),
        main=main,
    )


def _long_tail(runs: Sequence[Run]) -> tuple[str, list[str], str]:
    """Facts, notes and sections of runs that were evaluated class by class."""
    rows = join_classes(runs)
    groups = present_groups(runs)
    is_detection = runs[0].task is DETECTION
    hints = [_SUMMARY_HINT, *([] if is_detection else [_CLASSIFIER_HINT])]
    hint = ' '.join([*hints, _GROUP_HINT] if groups else hints)
    main = [
        section('Summary', scrolled('Summary', summary_table(runs)), tag('p', hint, 'hint')),
        three_metrics_section(runs, rows) if is_detection else '',
        _figures(runs, rows),
        shuffle_bias_section(runs, rows),
        class_section(runs, rows, groups),
    ]
    return facts_list(runs), [*warnings_of(runs), *compare_runs(runs, rows)], ''.join(main)


def _title(what: str, runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return f'{what}: {runs[0].name}'
    others = runs[1].name if len(runs) == 2 else f'{len(runs) - 1} runs'
    return f'{what}: {others} against {runs[0].name}'


def _figures(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    names, task = [run.name for run in runs], runs[0].task
    is_detection = task is DETECTION
    counts = has_counts(rows)
    order = f'training {task.noun}' if counts else f'evaluated {task.noun}'
    caption = (_FREQUENCY if counts else _FREQUENCY_NO_COUNTS).format(noun=task.noun)
    parts = [_drawn('How frequent the classes are', frequency_figure(rows, task), caption)]
    if len(runs) > 2:
        heading = f'{task.gains[0]} of every run, classes by {order}'
        caption = _ALL_RUNS if is_detection else _CLASSIFIER_ALL_RUNS
        parts.append(_drawn(heading, all_runs_figure(rows, names, task), caption))
        return ''.join(parts)
    what, draw, caption = 'AP', ap_figure, _CLASSIFIER_SCORES
    if is_detection:
        what, draw = 'SAP and AP', scores_figure
        caption = _SCORES.format(trials=runs[0].metrics['num_trials'])
    for index, run in enumerate(runs):
        heading = f'{what} of {run.name}, classes by {order}'
        parts.append(_drawn(heading, draw(rows, index, run.name), _AS_ABOVE if index else caption))
    if len(runs) == 2 and share_classes(*runs):
        parts.append(_gain(runs, rows))
    return ''.join(parts)


def _gain(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    names, task = [run.name for run in runs], runs[0].task
    score, article, caption = 'SAP', 'a', _GAIN
    if task is not DETECTION:
        score, article, caption = 'AP', 'an', _CLASSIFIER_GAIN
    heading = f'What {names[1]} gains on {names[0]}, class by class'
    lost = sum(math.isnan(row.gain(1, score)) for row in rows)
    left_out = f' {lost} of {len(rows)} classes have no {score} in one of the runs.' if lost else ''
    nothing = f'<p>No class has {article} {score} in both runs.</p>'
    drawing = gain_figure(rows, names, task) or nothing
    return _drawn(heading, drawing, caption.format(left_out=left_out))


def _drawn(heading: str, drawing: str, caption: str) -> str:
    return section(heading, figure(heading, drawing, caption))
