from __future__ import annotations

from mmlt.evaluation.report.tables import class_table
from mmlt.evaluation.runs.read import Run, join_classes


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


def test_class_table_of_one_run(read_table):
    run = _run('base', {
        'swim': _entry(24, None, None, 'tail', 111, 34, None),
        'carry/hold <b>&"': _entry(17, 0.63512, 0.042, 'head', 80_451, 21_000),
    }, 0.5)  # fmt: skip
    table = read_table(class_table([run], join_classes([run])))
    assert table.texts == [
        ['class', 'id', 'group', 'training boxes', 'evaluated boxes', 'SAP', 'frame-AP', 'ROC-AUC'],
        ['carry/hold <b>&"', '17', 'head', '80,451', '21,000', '63.5 ±1.5', '4.2', '90.0'],
        ['swim', '24', 'tail', '111', '34', '–', '–', '90.0'],
    ]
    values = [attributes.get('data-v') for _, attributes in table.rows[1]]
    assert values == [None, '17', '0', '80451', '21000', '0.63512', '0.042', '0.9']
    assert table.rows[2][5][1].get('data-v') is None  # undefined: goes last


def test_class_table_marks_how_it_is_ordered(read_table):
    run = _run(
        'base', {'a': _entry(1, 0.5, 0.5, 'head', 11), 'b': _entry(2, 0.5, 0.5, 'tail', 3)}, 0.5
    )
    heads = read_table(class_table([run], join_classes([run]))).rows[0]
    orders = {text: attributes['aria-sort'] for text, attributes in heads}
    assert orders.pop('training boxes') == 'descending'
    assert set(orders.values()) == {'none'}
    assert [attributes['data-column'] for _, attributes in heads] == [str(i) for i in range(8)]


def test_class_table_without_counts_has_neither_group_nor_training_column(read_table):
    run = _run('base', {'a': _entry(1, 0.5, 0.5)}, 0.5)
    table = read_table(class_table([run], join_classes([run])))
    assert table.texts[0] == ['class', 'id', 'evaluated boxes', 'SAP', 'frame-AP', 'ROC-AUC']
    assert table.rows[0][2][1]['aria-sort'] == 'descending'


def test_class_table_of_two_runs_with_different_classes(read_table):
    first = _run('base', {'a': _entry(1, 0.5, 0.1), 'only base': _entry(2, 0.5, 0.5)}, 0.5)
    second = _run('ours', {'a': _entry(1, 0.75, 0.05), 'only ours': _entry(3, 0.5, 0.5)}, 0.5)
    runs = [first, second]
    texts = read_table(class_table(runs, join_classes(runs))).texts
    assert texts[0] == ['', 'base', 'ours']
    assert texts[1][3:] == [
        'SAP',
        'frame-AP',
        'ROC-AUC',
        'SAP',
        'frame-AP',
        'ROC-AUC',
        'SAP gain',
        'frame-AP gain',
    ]
    assert texts[2][3:] == [
        '50.0 ±1.5', '10.0', '90.0', '75.0 ±1.5', '5.0', '90.0', '+25.0', '−5.0',
    ]  # fmt: skip
    assert texts[3] == ['only base', '2', '30', '50.0 ±1.5', '50.0', '90.0', *['–'] * 5]
    assert texts[4] == ['only ours', '3', '30', *['–'] * 3, '50.0 ±1.5', '50.0', '90.0', '–', '–']
