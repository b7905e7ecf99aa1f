from __future__ import annotations

import re

from mmlt.evaluation.report.extremes import changed_classes, extremes_section, worst_classes
from mmlt.evaluation.runs.read import Run, join_classes
from mmlt.evaluation.runs.tasks import CLASSIFICATION


def _names(rows):
    return [row.name for row in rows]


def _runs(make_entry, *saps):
    """A run for each dict of class -> SAP."""
    runs = []
    for index, own in enumerate(saps):
        classes = {name: make_entry(i, sap, sap and sap / 2, 'tail', 100 - i, 20 - i)
                   for i, (name, sap) in enumerate(own.items())}  # fmt: skip
        runs.append(Run(f'run{index}', {'per_class': classes, 'groups': {}}))
    return runs, join_classes(runs)


def test_the_ten_worst_come_first(make_entry, read_table):
    sap = {f'c{i}': i / 20 for i in (5, 3, 12, 7, 0, 1, 2, 4, 6, 8, 9, 10, 11)}
    runs, rows = _runs(make_entry, {**sap, 'unscored': None})
    assert _names(worst_classes(rows, 'SAP')) == [f'c{i}' for i in range(10)]
    html = extremes_section(runs, rows)
    table = read_table(re.search('<table.*?</table>', html, re.S)[0]).texts
    assert table[0] == [
        'class', 'group', 'training boxes', 'evaluated boxes', 'SAP', 'frame-AP',
    ]  # fmt: skip
    assert table[1] == ['c0', 'tail', '96', '16', '0.0 ±1.0', '0.0']
    assert table[2] == ['c1', 'tail', '95', '15', '5.0 ±1.0', '2.5']
    assert len(table) == 11 and 'The worst 10 classes' in html


def test_few_boxes_are_marked(make_entry):
    runs, rows = _runs(make_entry, {f'c{i}': 0.5 for i in range(13)})  # 20, 19, ..., 8 boxes
    html = extremes_section(runs, rows[-5:])
    assert re.findall('class="few">([^<]*)<', html) == ['9', '8']
    assert 'Italic: fewer than 10 evaluated boxes' in html


def test_the_worst_of_several_runs_by_their_mean(make_entry):
    runs, rows = _runs(make_entry, {'a': 0.1, 'b': 0.4, 'c': 0.3}, {'a': 0.9, 'b': 0.15, 'd': 0.45})
    assert _names(worst_classes(rows, 'SAP')) == ['b', 'c', 'd', 'a']
    assert 'mean of the runs' in extremes_section(runs, rows)


def test_largest_losses_and_gains(make_entry, read_table):
    changes = [-0.3, 0.1, 0.0, 0.2, -0.1]
    first = {f'c{i}': 0.5 for i in range(5)}
    second = {f'c{i}': 0.5 + change for i, change in enumerate(changes)}
    runs, rows = _runs(make_entry, first, {**second, 'new': 0.9})
    losses, gains = changed_classes(rows, 'SAP')
    assert (_names(losses), _names(gains)) == (['c0', 'c4'], ['c3', 'c1'])
    html = extremes_section(runs, rows)
    tables = [read_table(text).texts for text in re.findall('<table.*?</table>', html, re.S)]
    assert tables[1] == [
        ['class', 'training boxes', 'evaluated boxes', 'SAP', 'SAP gain', 'frame-AP gain'],
        ['c0', '100', '20', '50.0 → 20.0', '−30.0', '−15.0'],
        ['c4', '96', '16', '50.0 → 40.0', '−10.0', '−5.0'],
    ]
    assert [row[0] for row in tables[2][1:]] == ['c3', 'c1']


def test_at_most_ten_losses_and_gains(make_entry):
    first = {f'c{i:02d}': 0.5 for i in range(30)}
    second = {name: 0.35 + i / 100 for i, name in enumerate(first)}
    _, rows = _runs(make_entry, first, second)
    losses, gains = changed_classes(rows, 'SAP')
    assert _names(losses) == [f'c{i:02d}' for i in range(10)]
    assert _names(gains) == [f'c{i:02d}' for i in range(29, 19, -1)]


def test_nothing_changed(make_entry):
    runs, rows = _runs(make_entry, {'a': 0.5}, {'a': 0.5})
    assert extremes_section(runs, rows).count('<p>None.</p>') == 2


def test_nothing_scored(make_entry):
    runs, rows = _runs(make_entry, {'a': None})
    assert extremes_section(runs, rows) == ''


def test_classifiers_by_their_ap(make_classifier_metrics):
    runs = [Run('clips', make_classifier_metrics())]
    rows = join_classes(runs)
    html = extremes_section(runs, rows)
    ap = {name: row['AP'] for name, row in runs[0].metrics['per_class'].items()}
    assert _names(worst_classes(rows, CLASSIFICATION.gains[0])) == sorted(ap, key=ap.get)
    assert 'evaluated samples' in html and 'SAP' not in html
