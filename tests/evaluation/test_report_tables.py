from __future__ import annotations

from html.parser import HTMLParser

from mmlt.evaluation.report_tables import class_table, summary_table
from mmlt.evaluation.run_metrics import Run, join_classes


class _Table(HTMLParser):
    """Rows of cells of a table: text, and the attributes of the cell."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], 0
        self.feed(html)
        self.texts = [[' '.join(text.split()) for text, _ in row] for row in self.rows]

    def handle_starttag(self, tag, attributes):
        if tag == 'tr':
            self.rows.append([])
        elif tag in ('td', 'th'):
            self.rows[-1].append(['', dict(attributes)])
            self.open += 1

    def handle_endtag(self, tag):
        self.open -= tag in ('td', 'th')

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1][0] += data


def _entry(class_id, sap, ap, group=None, num_train=None, num_boxes=30, std=0.015):
    return {
        'id': class_id, 'num_boxes': num_boxes, 'num_train': num_train, 'AP': ap, 'SAP': sap,
        'SAP_std': std, 'SAP_sampled': sap, 'AUC': 0.9, 'group': group,
    }  # fmt: skip


def _run(name, per_class, msap, groups=None):
    means = {'frame_mAP': 0.125, 'mAUC': 0.75}
    groups = {key: {'num_classes': n, 'mSAP': value, **means}
              for key, (n, value) in (groups or {}).items()}  # fmt: skip
    return Run(name, {'per_class': per_class, 'groups': groups, 'mSAP': msap, **means})


def test_summary_of_two_runs():
    per_class = {
        'a': _entry(1, 0.5, 0.5, 'head'),
        'b': _entry(2, None, None, 'head'),
        'c': _entry(3, 0.5, 0.5, 'tail'),
    }
    first = _run(
        'base', per_class, 0.478, {'head': (2, 0.5), 'medium': (0, None), 'tail': (1, 0.25)}
    )
    second = _run(
        'ours', per_class, 0.491, {'head': (2, 0.49), 'medium': (0, None), 'tail': (1, 0.5)}
    )
    texts = _Table(summary_table([first, second])).texts
    assert texts[0] == ['run', 'all 2 of 3 classes', 'head 1 of 2 classes', 'tail 1 class']
    assert texts[1] == ['mSAP', 'mAP', 'mAUC'] * 3
    assert texts[2] == [
        'base',
        '47.8',
        '12.5',
        '75.0',
        '50.0',
        '12.5',
        '75.0',
        '25.0',
        '12.5',
        '75.0',
    ]
    assert texts[4] == [
        'gain on base',
        '+1.3',
        '0.0',
        '0.0',
        '−1.0',
        '0.0',
        '0.0',
        '+25.0',
        '0.0',
        '0.0',
    ]


def test_summary_without_groups_has_no_empty_columns():
    texts = _Table(summary_table([_run('base', {'a': _entry(1, 0.5, 0.5)}, None)])).texts
    assert texts == [['run', 'all 1 class'], ['mSAP', 'mAP', 'mAUC'], ['base', '–', '12.5', '75.0']]


def test_summary_of_three_runs_compares_each_with_the_first():
    runs = [_run(name, {'a': _entry(1, 0.5, 0.5)}, sap) for name, sap in
            (('x', 0.5), ('y', 0.6), ('z', 0.3))]  # fmt: skip
    texts = _Table(summary_table(runs)).texts[2:]
    assert [row[:2] for row in texts] == [
        ['x', '50.0'], ['y', '60.0'], ['gain on x', '+10.0'], ['z', '30.0'], ['gain on x', '−20.0'],
    ]  # fmt: skip


def test_class_table_of_one_run():
    run = _run('base', {
        'swim': _entry(24, None, None, 'tail', 111, 34, None),
        'carry/hold <b>&"': _entry(17, 0.63512, 0.042, 'head', 80_451, 21_000),
    }, 0.5)  # fmt: skip
    table = _Table(class_table([run], join_classes([run])))
    assert table.texts == [
        ['class', 'id', 'group', 'training boxes', 'evaluated boxes', 'SAP', 'AP', 'AUC'],
        ['carry/hold <b>&"', '17', 'head', '80,451', '21,000', '63.5 ±1.5', '4.2', '90.0'],
        ['swim', '24', 'tail', '111', '34', '–', '–', '90.0'],
    ]
    values = [attributes.get('data-v') for _, attributes in table.rows[1]]
    assert values == [None, '17', '0', '80451', '21000', '0.63512', '0.042', '0.9']
    assert table.rows[2][5][1].get('data-v') is None  # undefined: goes last


def test_class_table_marks_how_it_is_ordered():
    run = _run(
        'base', {'a': _entry(1, 0.5, 0.5, 'head', 11), 'b': _entry(2, 0.5, 0.5, 'tail', 3)}, 0.5
    )
    heads = _Table(class_table([run], join_classes([run]))).rows[0]
    orders = {text: attributes['aria-sort'] for text, attributes in heads}
    assert orders.pop('training boxes') == 'descending'
    assert set(orders.values()) == {'none'}
    assert [attributes['data-column'] for _, attributes in heads] == [str(i) for i in range(8)]


def test_class_table_without_counts_has_neither_group_nor_training_column():
    run = _run('base', {'a': _entry(1, 0.5, 0.5)}, 0.5)
    table = _Table(class_table([run], join_classes([run])))
    assert table.texts[0] == ['class', 'id', 'evaluated boxes', 'SAP', 'AP', 'AUC']
    assert table.rows[0][2][1]['aria-sort'] == 'descending'


def test_class_table_of_two_runs_with_different_classes():
    first = _run('base', {'a': _entry(1, 0.5, 0.1), 'only base': _entry(2, 0.5, 0.5)}, 0.5)
    second = _run('ours', {'a': _entry(1, 0.75, 0.05), 'only ours': _entry(3, 0.5, 0.5)}, 0.5)
    runs = [first, second]
    texts = _Table(class_table(runs, join_classes(runs))).texts
    assert texts[0] == ['', 'base', 'ours']
    assert texts[1][3:] == ['SAP', 'AP', 'AUC', 'SAP', 'AP', 'AUC', 'SAP gain', 'AP gain']
    assert texts[2][3:] == [
        '50.0 ±1.5', '10.0', '90.0', '75.0 ±1.5', '5.0', '90.0', '+25.0', '−5.0',
    ]  # fmt: skip
    assert texts[3] == ['only base', '2', '30', '50.0 ±1.5', '50.0', '90.0', *['–'] * 5]
    assert texts[4] == ['only ours', '3', '30', *['–'] * 3, '50.0 ±1.5', '50.0', '90.0', '–', '–']
