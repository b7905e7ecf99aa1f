from __future__ import annotations

import io

import pytest
from rich.console import Console

from mmlt.evaluation.runs.terminal import print_table


def _printed(metrics):
    stream = io.StringIO()
    print_table(metrics, Console(file=stream, width=100))
    return stream.getvalue()


def _cells(text):
    rows = [line.replace('┃', '│').split('│') for line in text.splitlines()]
    return [[cell.strip() for cell in row[1:-1]] for row in rows if len(row) > 2]


def test_overall_and_groups():
    means = {'mSAP': 0.478, 'frame_mAP': 0.167, 'mAUC': 0.777}
    metrics = {
        'protocol': 'official',
        'per_class': {
            'a': {'group': 'head', 'num_boxes': 4, 'AP': 0.3, 'SAP': 0.5},
            'b': {'group': 'tail', 'num_boxes': 2, 'AP': 0.1, 'SAP': 0.25},
            'c': {'group': 'tail', 'num_boxes': 0, 'AP': None, 'SAP': None},
        },
        **means,
        'groups': {
            'tail': {'num_classes': 2, **means, 'mSAP': 0.25},
            'head': {'num_classes': 1, **means, 'mAUC': None},
            'medium': {'num_classes': 0, 'mSAP': None, 'frame_mAP': None, 'mAUC': None},
        },
    }
    text = _printed(metrics)
    assert 'official protocol' in text
    assert _cells(text) == [
        ['classes', 'number', 'mSAP', 'frame-mAP', 'mAUC'],
        ['all', '2 of 3', '47.8', '16.7', '77.7'],
        ['head', '1', '47.8', '16.7', '–'],
        ['tail', '1 of 2', '25.0', '16.7', '77.7'],
    ]


def test_classifiers():
    means = {'mAP': 0.25, 'mean_recall@1': 0.5, 'mean_recall@5': None}
    metrics = {
        'task': 'classification',
        'acc@1': 0.125,
        'acc@5': None,
        'num_samples': 1234,
        **means,
        'groups': {'tail': {'num_classes': 1, **means}},
        'per_class': {'a': {'group': 'tail', 'AP': 0.25}, 'b': {'group': None, 'AP': None}},
    }
    text = _printed(metrics)
    assert 'Acc@1 12.5, Acc@5 –, 1,234 samples' in text
    assert _cells(text) == [
        ['classes', 'number', 'mAP', 'recall@1', 'recall@5'],
        ['all', '1 of 2', '25.0', '50.0', '–'],
        ['tail', '1', '25.0', '50.0', '–'],
    ]


@pytest.mark.parametrize(
    ('overall', 'group', 'cells'),
    [(0.125, 0.25, ['12.5', '25.0']), (None, 0.25, ['–', '25.0']), (0.125, None, ['12.5', '–'])],
)
def test_frame_map_with_undetected_classes_as_zero(overall, group, cells):
    """None stands here for a key that is absent, as in the file of an older version."""
    means = {'mSAP': 0.5, 'frame_mAP': 0.5, 'mAUC': 0.5}
    zeros = [{} if v is None else {'frame_mAP_undetected_as_zero': v} for v in (overall, group)]
    metrics = {
        'protocol': 'mmaction2',
        'undetected_classes': ['b'],
        'per_class': {
            'a': {'group': 'tail', 'num_boxes': 4, 'AP': 0.5, 'SAP': 0.5},
            'b': {'group': 'tail', 'num_boxes': 2, 'AP': None, 'SAP': 0.5},
        },
        **means,
        **zeros[0],
        'groups': {'tail': {'num_classes': 2, **means, **zeros[1]}},
    }
    text = _printed(metrics)
    assert [row[-1] for row in _cells(text)] == ['frame-mAP, undetected as 0', *cells]
    assert '1 was never detected (b)' in text


def test_without_groups(make_metrics):
    assert [row[0] for row in _cells(_printed(make_metrics(with_counts=False)))] == [
        'classes',
        'all',
    ]


def test_prints_to_standard_output(make_metrics, capsys):
    print_table(make_metrics())
    assert 'medium' in capsys.readouterr().out


def test_the_name_of_the_run_opens_the_title(make_metrics):
    stream = io.StringIO()
    print_table(make_metrics(), Console(file=stream, width=100), name='run [b]')
    assert stream.getvalue().startswith('run [b]: in percent, mmaction2 protocol')
