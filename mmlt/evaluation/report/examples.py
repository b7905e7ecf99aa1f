"""Pictures of a run's hits, misses and false alarms, class by class, as a section of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mmlt.evaluation.examples import (
    HIT,
    LOW_SCORE,
    MOST_EXAMPLES,
    NOBODY,
    OTHER_LABELS,
    REPEAT,
    UNDETECTED,
    WRONG_LABEL,
    ClassExamples,
    Example,
)
from mmlt.evaluation.report.html import escape, section, tag
from mmlt.evaluation.runs.read import Run
from mmlt.evaluation.runs.schema import percent

MOST_CLASSES = 20
_OPEN = 3  # classes that are unfolded at first
_KINDS = {'hits': 'Best hits', 'misses': 'Worst misses', 'false_alarms': 'Worst false alarms'}
_WHAT = {
    HIT: 'hit',
    LOW_SCORE: 'miss: scored low',
    OTHER_LABELS: 'miss: not scored for this class',
    UNDETECTED: 'miss: no detection meets the box',
    WRONG_LABEL: 'false alarm: the person has other labels',
    REPEAT: 'false alarm: this person is detected already',
    NOBODY: 'false alarm: no annotated person here',
}
_HINT = (
    '{classes} <b class="detected">Orange</b>: detected, <b class="annotated">green</b>: '
    'annotated. A detection belongs to the annotated person whom it overlaps most, from an IoU of '
    '0.5 on. Hits are from the better-scored half of the annotated boxes, misses from the rest.'
)
_FEWER = ' Only {most} of each kind are shown instead of {wanted}: the page is to stay small.'
_LEAST_WIDTH = 120  # px of a caption


class Picture(NamedTuple):
    """What is shown of an example.

    Attributes:
        uris: The image itself in several sizes of its file, the largest first.
        width: px; of a picture that is not there too.
        height: px.
        reason: Why there is none; then ``uris`` is empty.
    """

    uris: tuple[str, ...]
    width: int
    height: int
    reason: str = ''


class PicturedExamples(NamedTuple):
    """What :func:`examples_section` shows: class name -> examples, each with its picture.

    Attributes:
        run: Place of the run among those of the report.
        classes: Class name -> :class:`ClassExamples` of (example, picture) pairs.
    """

    run: int
    classes: Mapping[str, ClassExamples]


def choose_classes(metrics: Mapping, asked: Sequence[str] = ()) -> list[str]:
    """The classes to show: the 20 worst by frame-AP, then the others that were asked for.

    Args:
        metrics: The content of a detector's ``metrics.json``.
        asked: Names or ids of classes.

    Returns:
        Names. Only classes with an evaluated box are among the worst; one that was never detected,
        and so may have no AP, comes first.

    Raises:
        ValueError: A class that was asked for is none of the run.
    """
    per_class = metrics['per_class']
    names = {str(row['id']): name for name, row in per_class.items()}
    chosen = [name if name in per_class else names.get(str(name)) for name in asked]
    if None in chosen:
        listed = ', '.join(f'{row["id"]} {name}' for name, row in per_class.items())
        raise ValueError(f'no class {asked[chosen.index(None)]!r}; the run has {listed}')
    evaluated = [name for name, row in per_class.items() if row['num_boxes']]

    def key(name: str) -> tuple[float, int]:
        score, class_id = per_class[name]['AP'], per_class[name]['id']
        return (-1.0 if score is None else score), class_id

    return list(dict.fromkeys([*sorted(evaluated, key=key)[:MOST_CLASSES], *chosen]))


def examples_section(runs: Sequence[Run], shown: PicturedExamples, room: int) -> str:
    """The pictures, as good and as many as there is room for.

    Args:
        runs: Of the report.
        shown: The examples of one of them.
        room: Bytes that the section may take.

    Raises:
        ValueError: It cannot be that small.
    """
    sizes = max((len(p.uris) for c in shown.classes.values() for _, p in _all(c)), default=1)
    steps = [(MOST_EXAMPLES, size) for size in range(sizes)]
    steps += [(most, sizes - 1) for most in range(MOST_EXAMPLES - 1, 0, -1)]
    for most, size in steps:
        text = _section(runs, shown, most, size)
        needed = len(text.encode('utf-8'))
        if needed <= room:
            return text
    raise ValueError(
        f'examples: pictures of {len(shown.classes)} classes take {needed / 1e6:.1f} MB at least, '
        f'and there is room for {room / 1e6:.1f} MB; ask for fewer classes'
    )


def _all(examples: ClassExamples) -> list[tuple[Example, Picture]]:
    return [pair for kind in examples for pair in kind]


def _section(runs: Sequence[Run], shown: PicturedExamples, most: int, size: int) -> str:
    run = runs[shown.run]
    worst = choose_classes(run.metrics)
    told = f'The {len(worst)} classes of the lowest' if len(worst) == MOST_CLASSES else 'By'
    told += ' frame-AP, lowest first'
    told += '.' if shown.classes.keys() <= set(worst) else ', then those asked for.'
    if len(runs) > 1:
        told = f'Of {escape(run.name)} alone. {told}'
    hint = _HINT.format(classes=told)
    if most < MOST_EXAMPLES:
        hint += _FEWER.format(most=most, wanted=MOST_EXAMPLES)
    names = {row['id']: name for name, row in run.metrics['per_class'].items()}
    parts = [
        _class(name, run, examples, names, (most, size), is_open=place < _OPEN)
        for place, (name, examples) in enumerate(shown.classes.items())
    ]
    return section('Examples', tag('p', hint, 'hint'), *parts)


def _class(
    name: str,
    run: Run,
    examples: ClassExamples,
    names: Mapping[int, str],
    step: tuple[int, int],
    *,
    is_open: bool,
) -> str:
    row, (most, size) = run.metrics['per_class'][name], step
    boxes = '1 evaluated box' if row['num_boxes'] == 1 else f'{row["num_boxes"]:,} evaluated boxes'
    score = math.nan if row['AP'] is None else row['AP']
    facts = f'frame-AP {percent(score)}, {boxes}'
    content = f'<summary><b>{escape(name)}</b> <small>{facts}</small></summary>'
    kinds = ''
    for kind, title in _KINDS.items():
        pairs = getattr(examples, kind)[:most]
        items = ''.join(tag('li', _figure(name, *pair, names, size)) for pair in pairs)
        items = tag('ul', items, 'thumbs') if pairs else '<p class="hint">None.</p>'
        kinds += f'<div><h3>{title}</h3>{items}</div>'
    start = 'details open' if is_open else 'details'
    return tag(start, content + tag('div', kinds, 'kinds'), 'examples')


def _figure(
    name: str, example: Example, picture: Picture, names: Mapping[int, str], size: int
) -> str:
    where = f'{example.video_id}, {example.timestamp} s'
    score = '' if math.isnan(example.score) else f'{example.score:.2f}'
    what = _WHAT[example.verdict]
    alt = f'{name}, {what}: {where}' + (f', score {score}' if score else '')
    box = f'width="{picture.width}" height="{picture.height}"'
    if picture.uris:
        uri = picture.uris[min(size, len(picture.uris) - 1)]
        image = f'<img src="{uri}" alt="{escape(alt)}" {box}>'
    else:
        style = f'style="width:{picture.width}px;height:{picture.height}px"'
        said = escape(f'No picture: {picture.reason}')
        image = tag(f'div role="note" aria-label="{escape(alt)}" {style}', said, 'absent')
    lines = [f'<b>{score or "–"}</b> {escape(where)}']
    if example.verdict != HIT:
        lines.append(escape(what.partition(': ')[2]))
    if example.annotated_ids:
        told = ', '.join(names.get(i, f'class {i}') for i in example.annotated_ids)
        lines.append(f'<span class="annotated">annotated</span> {escape(told)}')
    if example.best_scores:
        told = ', '.join(f'{names[i]} {value:.2f}' for i, value in example.best_scores)
        lines.append(f'<span class="detected">detected</span> {escape(told)}')
    width = max(_LEAST_WIDTH, picture.width)
    caption = tag('figcaption', ''.join(tag('div', line) for line in lines))
    return tag(f'figure style="width:{width}px"', image + caption)
