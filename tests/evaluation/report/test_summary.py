from __future__ import annotations

import re

import pytest

from mmlt.evaluation.report.summary import summary_section, summary_table
from mmlt.evaluation.runs.read import Run

MEANS = ['mSAP', 'frame-mAP', 'mAUC']


def _run(name, per_class, msap, groups=None, **more):
    means = {'frame_mAP': 0.125, 'mAUC': 0.75}
    groups = {key: {'num_classes': n, 'mSAP': value, **means}
              for key, (n, value) in (groups or {}).items()}  # fmt: skip
    metrics = {'protocol': 'mmaction2', 'per_class': per_class, 'groups': groups, 'mSAP': msap}
    return Run(name, {**metrics, **means, **more})


@pytest.fixture
def three_classes(make_entry):
    return {
        'a': make_entry(1, 0.5, 0.5, 'head'),
        'b': make_entry(2, None, None, 'head', num_boxes=0),
        'c': make_entry(3, 0.5, 0.5, 'tail'),
    }


def test_two_runs(read_table, three_classes):
    sizes = {'head': (2, 0.5), 'medium': (0, None), 'tail': (1, 0.25)}
    others = {'head': (2, 0.49), 'medium': (0, None), 'tail': (1, 0.5)}
    runs = [_run('base', three_classes, 0.478, sizes), _run('ours', three_classes, 0.491, others)]
    assert read_table(summary_table(runs)).texts == [
        ['classes', 'run', *MEANS],
        ['all 2 of 3 classes', 'base', '47.8', '12.5', '75.0'],
        ['ours', '49.1', '12.5', '75.0'],
        ['gain on base', '+1.3', '0.0', '0.0'],
        ['head 1 of 2 classes', 'base', '50.0', '12.5', '75.0'],
        ['ours', '49.0', '12.5', '75.0'],
        ['gain on base', '−1.0', '0.0', '0.0'],
        ['tail 1 class', 'base', '25.0', '12.5', '75.0'],
        ['ours', '50.0', '12.5', '75.0'],
        ['gain on base', '+25.0', '0.0', '0.0'],
    ]


def test_one_run_without_groups_has_no_empty_cells(read_table, make_entry):
    table = read_table(summary_table([_run('base', {'a': make_entry(1, 0.5, 0.5)}, None)]))
    assert table.texts == [['classes', *MEANS], ['all 1 class', '–', '12.5', '75.0']]


def test_three_runs_are_compared_with_the_first(read_table, make_entry):
    runs = [_run(name, {'a': make_entry(1, 0.5, 0.5)}, sap) for name, sap in
            (('x', 0.5), ('y', 0.6), ('z', 0.3))]  # fmt: skip
    texts = read_table(summary_table(runs)).texts[1:]
    assert [row[-4:-2] for row in texts] == [
        ['x', '50.0'], ['y', '60.0'], ['gain on x', '+10.0'], ['z', '30.0'], ['gain on x', '−20.0'],
    ]  # fmt: skip


def test_no_gain_in_a_group_whose_scored_classes_differ(read_table, make_entry):
    first = {'a': make_entry(1, 0.5, 0.5, 'head'), 'b': make_entry(2, 0.5, 0.5, 'tail')}
    second = {**first, 'b': make_entry(2, None, None, 'tail', num_boxes=0)}
    groups = {'head': (1, 0.5), 'tail': (1, 0.5)}
    runs = [_run('base', first, 0.5, groups), _run('ours', second, 0.5, groups)]
    names = [row[-4] for row in read_table(summary_table(runs)).texts[1:]]
    assert names == ['base', 'ours', 'gain on base'] * 2 + ['base', 'ours']
    alone = _run('other', {'c': make_entry(3, 0.5, 0.5, 'head')}, 0.5, groups)
    assert 'gain' not in summary_table([runs[0], alone])


def test_a_frame_map_that_leaves_classes_out_never_stands_alone(read_table, make_entry):
    """Two of four classes with boxes have no detection: .5 over two is .25 over four."""
    classes = {
        'sit': make_entry(1, 0.5, 0.75, 'head'),
        'fly': make_entry(2, 0.5, 0.25, 'tail'),
        'run': make_entry(3, 0.0, None, 'tail'),
        'swim': make_entry(4, 0.0, None, 'tail'),
        'unseen': make_entry(5, None, None, 'tail', num_boxes=0),
    }
    groups = {'head': (1, 0.5), 'tail': (4, 0.5)}
    run = _run('ours', classes, 0.5, groups, frame_mAP=0.5)
    assert [row[2] for row in read_table(summary_table([run])).texts[1:]] == [
        '50.0*as 0: 25.0',
        '12.5',  # in the head none is missing
        '12.5*as 0: 8.3',  # .25 over three
    ]
    told = (
        'frame-mAP 50.0 is the mean of 2 of the 4 classes with boxes; 2 were never detected (run, '
        'swim) and are left out, as mmaction2 does; counted as 0 it is 25.0.'
    )
    assert re.findall(r'class="gaps"><sup>\*</sup> (.*?)</p>', summary_section([run])) == [told]
    # the official protocol counts them as 0 already
    official = Run('theirs', {**run.metrics, 'protocol': 'official', 'frame_mAP': 0.25})
    assert 'as 0:' not in summary_table([official])
    assert '2 were never detected (run, swim) and count as 0' in summary_section([official])


def test_gains_of_runs_that_leave_out_different_classes(read_table, make_entry):
    first = {'sit': make_entry(1, 0.5, 0.25), 'fly': make_entry(2, 0.5, 0.25)}
    second = {'sit': make_entry(1, 0.5, 0.375), 'fly': make_entry(2, 0.0, None)}
    runs = [_run('base', first, 0.5, frame_mAP=0.25), _run('ours', second, 0.5, frame_mAP=0.375)]
    assert [row[-2] for row in read_table(summary_table(runs)).texts[1:]] == [
        '25.0',
        '37.5*as 0: 18.8',
        '+12.5*as 0: −6.2',
    ]
    both = [_run(name, second, 0.5, frame_mAP=0.375) for name in 'xy']
    assert read_table(summary_table(both)).texts[3][-2] == '0.0'  # the same classes


def test_intervals_stand_below_the_means(read_table, make_entry):
    def run(name, value, draws):
        means = {'all/mSAP': {'value': value, 'se': 0.1, 'low': value - 0.25, 'high': 0.875}}
        intervals = {'num_resamples': 3, 'seed': 0, 'videos': ['v', 'w'], 'means': means,
                     'draws': {'all/mSAP': draws}}  # fmt: skip
        own = _run(name, {'a': make_entry(1, value, 0.5)}, value)
        return own._replace(intervals=intervals)

    runs = [run('base', 0.5, [0.25, 0.5, None]), run('ours', 0.625, [0.75, 0.625, 0.5])]
    texts = read_table(summary_table(runs)).texts[1:]
    # gains draw by draw: +50 and +12.5 points; 2.5% of the way from one to the other
    assert [row[-3] for row in texts] == [
        '50.0[25.0, 87.5]',
        '62.5[37.5, 87.5]',
        '+12.5[+13.4, +49.1]',
    ]
    other = runs[1]._replace(intervals={**runs[1].intervals, 'seed': 1})
    assert read_table(summary_table([runs[0], other])).texts[3][-3] == '+12.5'
