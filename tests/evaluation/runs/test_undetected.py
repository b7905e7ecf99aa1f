from __future__ import annotations

import math

import pytest

from mmlt.evaluation.runs.undetected import frame_map_as_zero, tell_undetected, undetected_classes


def _metrics(protocol='mmaction2', **more):
    rows = {'sit': (0.5, 9, 'head'), 'fly': (0.25, 9, 'tail'), 'run': (None, 9, 'tail'),
            'unseen': (None, 0, 'tail')}  # fmt: skip
    rows = {name: {'AP': ap, 'num_boxes': boxes, 'group': group}
            for name, (ap, boxes, group) in rows.items()}  # fmt: skip
    return {'protocol': protocol, 'frame_mAP': 0.375, 'per_class': rows, **more}


def test_older_files_name_none_and_show_them():
    metrics = _metrics()
    assert undetected_classes(metrics) == ['run']
    assert undetected_classes(metrics, 'head') == []
    assert undetected_classes({**metrics, 'undetected_classes': []}) == []
    assert undetected_classes({**metrics, 'undetected_classes': ['run']}, 'tail') == ['run']


def test_mean_with_zeros():
    assert frame_map_as_zero(_metrics()) == pytest.approx(0.25)
    assert frame_map_as_zero(_metrics(), 'tail') == pytest.approx(0.125)
    assert frame_map_as_zero(_metrics(frame_mAP_undetected_as_zero=0.2)) == 0.2
    assert math.isnan(frame_map_as_zero(_metrics(), 'medium'))


def test_the_counts_of_the_file_are_told():
    names = [f'class {i}' for i in range(12)]
    metrics = _metrics(undetected_classes=names, frame_mAP_undetected_as_zero=0.539)
    metrics['per_class'] = {f'class {i}': {'AP': None if i < 12 else 0.375, 'num_boxes': 9}
                            for i in range(30)}  # fmt: skip
    told = tell_undetected(metrics)
    assert told == (
        'frame-mAP 37.5 is the mean of 18 of the 30 classes with boxes; 12 were never detected '
        '(class 0, class 1, class 2, class 3, class 4, class 5, class 6, class 7, class 8, class '
        '9 and 2 more) and are left out, as mmaction2 does; counted as 0 it is 53.9.'
    )


def test_a_class_whose_boxes_are_excluded_is_none_of_those_with_boxes():
    metrics = _metrics()
    metrics['per_class']['jump'] = {'AP': 0.0, 'num_boxes': 0, 'group': 'tail'}
    assert tell_undetected(metrics).startswith(
        'frame-mAP 37.5 is the mean of 2 of the 3 classes with boxes and 1 whose boxes are on '
        'excluded keyframes; 1 was never detected (run)'
    )
    assert frame_map_as_zero(metrics) == pytest.approx(0.25)


def test_all_detected_or_all_counted():
    assert tell_undetected(_metrics(undetected_classes=[])) is None
    assert tell_undetected(_metrics('official', undetected_classes=['run'])).endswith(
        '1 was never detected (run) and counts as 0, by the official protocol.'
    )


def test_nothing_detected_at_all():
    metrics = _metrics(frame_mAP=None)
    for row in metrics['per_class'].values():
        row['AP'] = None
    assert tell_undetected(metrics) == (
        'frame-mAP – is the mean of 0 of the 3 classes with boxes; 3 were never detected (sit, '
        'fly, run) and are left out, as mmaction2 does; counted as 0 it is 0.0.'
    )
