from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from mmlt.evaluation.report.three_metrics import three_metrics_section
from mmlt.evaluation.runs.read import Run, join_classes


def _entry(class_id, group, num_train, sap=0.5, ap=0.25, auc=0.75):
    return {
        'id': class_id, 'num_boxes': 30, 'num_train': num_train, 'AP': ap, 'SAP': sap,
        'SAP_std': 0.01, 'SAP_sampled': sap, 'AUC': auc, 'group': group,
    }  # fmt: skip


def _run(name, per_class, **means):
    means = {'mSAP': 0.478, 'frame_mAP': 0.167, 'mAUC': 0.777, **means}
    return Run(name, {'protocol': 'mmaction2', 'per_class': per_class, 'groups': {}, **means})


def _section(*runs):
    return three_metrics_section(runs, join_classes(runs))


def _body(html):
    rows = re.findall(r'<tr>(.*?)</tr>', re.search(r'<tbody>(.*?)</tbody>', html)[1])
    cells = [re.findall(r'<t[hd][^>]*>(.*?)</t[hd]>', row) for row in rows]
    return [[re.sub('<[^>]*>', '', cell) for cell in row] for row in cells]


SEVEN = {
    **{f'head {i}': _entry(i, 'head', 20_000 - i) for i in range(7)},
    **{f'middle {i}': _entry(10 + i, 'medium', 5_000 - i) for i in range(7)},
    **{f'tail {i}': _entry(20 + i, 'tail', 900 - i) for i in range(7)},
}


def test_rows_of_the_paper():
    first = {'swim': _entry(24, 'tail', 111, 0.808, 0.574, 0.894),
             'stand': _entry(12, 'head', 166_357, 0.781, 0.756, 0.789)}  # fmt: skip
    second = {'swim': _entry(24, 'tail', 111, 0.841, 0.746, 0.861),
              'stand': _entry(12, 'head', 166_357, 0.779, 0.760, 0.792)}  # fmt: skip
    html = _section(
        _run('Baseline', first), _run('Ours', second, mSAP=0.491, frame_mAP=0.176, mAUC=0.779)
    )
    assert _body(html) == [
        ['head', 'stand', '166,357', '78.1', '77.9', '75.6', '76.0', '78.9', '79.2'],
        ['tail', 'swim', '111', '80.8', '84.1', '57.4', '74.6', '89.4', '86.1'],
        ['average, all classes', '', '47.8', '49.1', '16.7', '17.6', '77.7', '77.9'],
    ]
    assert re.findall(r'class="(?:edge )?best">([\d.]+)<', html) == [
        '78.1', '76.0', '79.2', '84.1', '74.6', '89.4', '49.1', '17.6', '77.9',
    ]  # fmt: skip


def test_five_largest_of_the_head_and_five_smallest_of_the_tail():
    html = _section(_run('only', SEVEN))
    names = [row[-5] for row in _body(html)[:-1]]
    assert names == [f'head {i}' for i in range(5)] + [f'tail {i}' for i in range(2, 7)]
    assert 'best' not in html  # one run: nothing to stand out
    svg = ElementTree.fromstring(re.search(r'<svg.*</svg>', html, re.S)[0])
    texts = [title.text or '' for title in svg.iter('title')]
    assert len(texts) == 3 * 10 + 2
    assert texts[0] == 'head 0: SAP only 50.0'
    assert texts[11] == 'head 0: frame-AP only 25.0'
    assert texts[31] == 'tail 6: ROC-AUC only 75.0'
    assert texts[10] == texts[21] == ''


def test_a_class_without_a_value_in_every_run_is_passed_over():
    scored = {**SEVEN, 'tail 6': _entry(26, 'tail', 894, None, None, None)}
    names = [row[-8] for row in _body(_section(_run('a', SEVEN), _run('b', scored)))[:-1]]
    assert 'tail 6' not in names and 'tail 1' in names


def test_three_runs_have_a_table_alone():
    html = _section(*(_run(name, SEVEN) for name in 'abc'))
    assert len(_body(html)[0]) == 3 + 9
    assert '<svg' not in html


def test_long_names_are_shortened_and_told():
    name = 'slowonly_r50_' + 'x' * 60
    html = _section(_run(name, SEVEN), _run('b', SEVEN))
    head = re.search(r'<thead>(.*?)</thead>', html)[1]
    assert head.count(f'title="{name}"') == 3
    assert f'>{name}<' not in head and '…' in head


@pytest.mark.parametrize(
    ('group', 'num_train', 'reason'),
    [
        (None, None, 'the classes have no groups here'),
        ('tail', None, 'no training counts are known here'),
        ('medium', 9, 'none of them has a value in every run'),
    ],
)
def test_says_what_to_pass(group, num_train, reason):
    html = _section(_run('a', {'sit': _entry(1, group, num_train)}))
    assert reason in html
    assert 'class_counts' in html and '--train-counts' in html and '--train-annotations' in html
    assert '<table' not in html and '<svg' not in html
