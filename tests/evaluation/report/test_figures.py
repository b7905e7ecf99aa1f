from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from mmlt.evaluation.report.figures import (
    all_runs_figure,
    frequency_figure,
    gain_figure,
    scores_figure,
)
from mmlt.evaluation.runs.read import ClassRow
from mmlt.evaluation.runs.tasks import CLASSIFICATION


def _entry(sap, ap, std=0.01):
    return {'SAP': sap, 'SAP_std': std, 'AP': ap}


def _row(name, *entries, group=None, num_train=None, num_boxes=30):
    return ClassRow(name, 1, group, num_train, num_boxes, entries)


def _strip_texts(svg):
    return [title.text for title in ElementTree.fromstring(svg).iter('title')]


def test_frequency_of_training_and_evaluation():
    rows = [
        _row('stand', group='head', num_train=166_357, num_boxes=43_000),
        _row('swim', group='tail', num_train=111, num_boxes=34),
        _row('never seen', group='tail', num_train=0, num_boxes=26),
    ]
    svg = frequency_figure(rows)
    assert _strip_texts(svg) == [
        'stand: 166,357 in training, 43,000 evaluated',
        'swim: 111 in training, 34 evaluated',
        'never seen: 0 in training, 26 evaluated',
    ]
    for entry in ('training: head', 'training: tail', 'evaluated boxes', '100,000'):
        assert f'>{entry}<' in svg


def test_frequency_is_logarithmic():
    rows = [_row(str(count), num_train=count) for count in (1000, 100, 10)]
    svg = frequency_figure(rows)
    bars = max(re.findall(r'<path d="(M[^"]*z\s*)" clip-path', svg), key=len)
    tops = np.unique([float(y) for y in re.findall(r'[ML] \S+ (\S+)', bars)])[:3]
    assert abs((tops[1] - tops[0]) - (tops[2] - tops[1])) < 0.05
    assert tops[1] - tops[0] > 10


def test_frequency_without_training_counts_shows_the_evaluated_boxes():
    svg = frequency_figure([_row('stand', num_boxes=43_000), _row('swim', num_boxes=34)])
    assert '>evaluated boxes<' in svg
    assert '>training' not in svg
    assert _strip_texts(svg)[0] == 'stand: – in training, 43,000 evaluated'


def test_scores_of_one_run():
    rows = [
        _row('stand', _entry(0.5, 0.25, 0.015), group='head', num_train=10_001),
        _row('swim', _entry(None, None, None), group='tail', num_train=5),
        _row('fly', None, group='tail', num_train=4),
    ]
    svg = scores_figure(rows, 0, 'my <run>')
    assert _strip_texts(svg) == [
        'stand: SAP 50.0 ± 1.5, frame-AP 25.0',
        'swim: SAP – ± –, frame-AP –',
        'fly: SAP – ± –, frame-AP –',
    ]
    assert 'aria-label="SAP and frame-AP of each class, my &lt;run&gt;"' in svg


def test_gain_is_ordered_by_sap_and_leaves_out_the_undefined():
    rows = [
        _row('loses', _entry(0.5, 0.5), _entry(0.4, 0.6)),
        _row('undefined', _entry(None, None), _entry(0.4, 0.6)),
        _row('gains most', _entry(0.2, 0.1), _entry(0.6, 0.1)),
        _row('only first', _entry(0.2, 0.1), None),
        _row('gains', _entry(0.5, 0.2), _entry(0.55, None)),
    ]
    svg = gain_figure(rows, ['baseline', 'ours'])
    assert _strip_texts(svg) == [
        'gains most: SAP 20.0 → 60.0 (+40.0), frame-AP 0.0',
        'gains: SAP 50.0 → 55.0 (+5.0), frame-AP –',
        'loses: SAP 50.0 → 40.0 (−10.0), frame-AP +10.0',
    ]
    assert '>baseline<' in svg and '>ours<' in svg


def test_gain_of_runs_without_a_common_class_is_no_figure():
    assert gain_figure([_row('a', _entry(0.5, 0.5), None)], ['x', 'y']) == ''


def test_gain_of_a_run_on_itself_is_drawn():
    row = _row('a', _entry(0.5, 0.5), _entry(0.5, 0.5))
    assert 'SAP 50.0 → 50.0 (0.0), frame-AP 0.0' in gain_figure([row], ['x', 'y'])


def test_figures_of_classifiers():
    rows = [
        _row('sit', {'AP': 0.5}, {'AP': 0.25}, group='head', num_train=9),
        _row('fly', {'AP': 0.1}, {'AP': 0.5}, group='tail', num_train=2),
        _row('swim', {'AP': None}, {'AP': 0.5}, group='tail', num_train=1),
    ]
    svg = frequency_figure(rows, CLASSIFICATION)
    assert '>evaluated samples<' in svg and '>number of samples<' in svg and 'boxes' not in svg
    svg = scores_figure(rows, 0, 'my <run>', CLASSIFICATION)
    assert _strip_texts(svg) == ['sit: AP 50.0', 'fly: AP 10.0', 'swim: AP –']
    assert '>AP: head<' in svg and 'aria-label="AP of each class, my &lt;run&gt;"' in svg
    svg = gain_figure(rows, ['base', 'ours'], CLASSIFICATION)
    assert _strip_texts(svg) == ['fly: AP 10.0 → 50.0 (+40.0)', 'sit: AP 50.0 → 25.0 (−25.0)']
    assert 'SAP' not in svg
    svg = all_runs_figure(rows, ['base', 'ours'], CLASSIFICATION)
    assert _strip_texts(svg)[2] == 'swim: base –, ours 50.0'
    assert 'SAP' not in svg and '>AP (%)<' in svg


def test_more_runs_than_marks():
    names = [f'run {i}' for i in range(9)]
    rows = [_row('a', *(_entry(i / 10, 0.1) for i in range(9)))]
    svg = all_runs_figure(rows, names)
    assert _strip_texts(svg) == ['a: ' + ', '.join(f'run {i} {10 * i}.0' for i in range(9))]
    assert all(f'>{name}<' in svg for name in names)


def test_classes_of_few_boxes_look_different():
    entry = _entry(0.5, 0.25)
    rows = [_row(name, entry, entry, entry, num_boxes=n) for name, n in (('a', 10), ('b', 9))]
    drawings = [
        frequency_figure(rows),
        scores_figure(rows, 0, 'x'),
        gain_figure(rows, ['x', 'y']),
        all_runs_figure(rows, ['x', 'y', 'z']),
    ]
    for svg in drawings:
        assert svg.count('>hollow: fewer than 10 evaluated boxes<') == 1
    assert 'fewer than 10 evaluated samples' in scores_figure(rows, 0, 'x', CLASSIFICATION)
    assert 'hollow' not in scores_figure(rows[:1], 0, 'x', CLASSIFICATION)


def test_all_undefined():
    rows = [_row('a', _entry(None, None, None), None, None)]
    assert '<svg' in scores_figure(rows, 0, 'x')
    assert _strip_texts(all_runs_figure(rows, ['x', 'y', 'z'])) == ['a: x –, y –, z –']
