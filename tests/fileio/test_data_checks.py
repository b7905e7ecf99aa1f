from __future__ import annotations

import numpy as np
import pytest

from mmlt.fileio.box_checks import timestamps_outside
from mmlt.fileio.data_checks import (
    check_annotations,
    check_detections,
    check_proposals,
    missing_files,
    unused_columns,
)
from mmlt.functional import ava_boxes_from_arrays

BOX = [0.1, 0.2, 0.5, 0.9]
FAR = [0.6, 0.2, 0.9, 0.9]
PIXELS = [12.0, 30.0, 55.0, 60.0]


def _boxes(*rows):
    """Rows of (video, timestamp, corners, label)."""
    videos, timestamps, corners, labels = zip(*rows)
    return ava_boxes_from_arrays(videos, timestamps, corners, labels)


def _check(detections, ground_truth, excluded=None):
    paths = dict(path='found.csv', ground_truth_path='truth.csv')
    return check_detections(detections, ground_truth, excluded, **paths)


CLEAN = _boxes(('a', 902, BOX, 1), ('a', 902, BOX, 2), ('b', 903, FAR, 1))


def test_clean_data_have_no_findings():
    assert check_annotations(CLEAN, 'truth.csv') == ([], [])
    assert _check(CLEAN, CLEAN) == ([], [])


def test_boxes_in_pixels():
    boxes = _boxes(('a', 902, BOX, 1), ('a', 903, PIXELS, 2), ('a', 904, PIXELS, 2))
    findings = check_annotations(boxes, 'truth.csv')
    (error,) = findings.errors
    assert error.startswith('truth.csv: a,903,12,30,55,60,2: a box far outside of the frame, one ')
    assert 'of 2 of 3 rows; in pixels?' in error
    with pytest.raises(ValueError, match=r'in pixels\?'):
        findings.raise_errors()
    assert any('in pixels?' in error for error in _check(boxes, CLEAN).errors)
    # a box that a detector did not clip, one of many
    few = _boxes(
        *[('a', 902, BOX, 1)] * 99, ('b', 903, FAR, 1), ('a', 902, [0.1, 0.1, 0.4, 2.2], 2)
    )
    findings = _check(few, CLEAN)
    assert findings.errors == []
    assert 'one of 1 of 101 rows' in findings.warnings[0]


@pytest.mark.parametrize('box', [[-0.3, 0.0, 1.4, 1.1], [-1.0, 0.0, 2.0, 1.0]])
def test_a_box_that_reaches_over_the_edge_is_fine(box):
    assert check_annotations(_boxes(('a', 902, box, 1)), 'truth.csv').errors == []


@pytest.mark.parametrize('box', [[0.0, 0.0, 2.01, 1.0], [-1.01, 0.0, 1.0, 1.0]])
def test_a_box_that_reaches_a_frame_over_the_edge_is_not(box):
    assert len(check_annotations(_boxes(('a', 902, box, 1)), 'truth.csv').errors) == 1


def test_the_line_is_named_where_there_is_a_file(tmp_path):
    path = tmp_path / 'truth.csv'
    path.write_text('\na,902,0.1,0.2,0.5,0.9,1,0\n\n\na,903,12,30,55,60,2,0\n')
    from mmlt.functional import read_ava_csv

    (error,) = check_annotations(read_ava_csv(path), path).errors
    assert error.startswith(f'{path}, line 5: a,903,12,30,55,60,2: ')


def test_class_ids_below_one():
    boxes = _boxes(('a', 902, BOX, 1), ('a', 903, BOX, 0), ('b', 903, FAR, 0))
    (error,) = check_annotations(boxes, 'truth.csv').errors
    assert error.startswith('truth.csv: a,903,0.1,0.2,0.5,0.9,0: class id 0 in 2 of 3 rows')
    assert 'ids start at 1' in error
    assert any('class id 0 in 2 of 3 rows' in error for error in _check(boxes, CLEAN).errors)


def test_repeats_are_a_warning():
    boxes = _boxes(('a', 902, BOX, 1), ('b', 903, FAR, 1), ('a', 902, BOX, 1))
    findings = check_annotations(boxes, 'truth.csv')
    assert findings.errors == []
    (warning,) = findings.warnings
    assert warning.startswith('truth.csv: 1 of 3 rows repeat the keyframe, box and label')
    assert warning.endswith('truth.csv: a,902,0.1,0.2,0.5,0.9,1')
    (warning,) = _check(boxes, CLEAN).warnings
    assert warning.startswith('found.csv: 1 of 3 rows repeat')


def test_no_keyframe_in_common():
    (error,) = _check(_boxes(('a', 1, BOX, 1), ('b', 2, FAR, 1)), CLEAN).errors
    assert error == (
        'found.csv: none of its keyframes (seconds 1 to 2) is in truth.csv (seconds 902 to 903); '
        'is it another split, or are the seconds shifted?'
    )


def test_no_box_overlaps():
    detections = _boxes(('a', 902, FAR, 1), ('b', 903, BOX, 1))
    (error,) = _check(detections, CLEAN).errors
    assert error.startswith('found.csv: not one of its boxes overlaps an annotated box of its key')
    touching = _boxes(('a', 902, FAR, 1), ('b', 903, [0.0, 0.0, 0.7, 0.3], 1))
    assert _check(touching, CLEAN).errors == []


@pytest.mark.parametrize(
    'name, hint',
    [
        ('B', "have 'B' for 'b'"),
        ('b.mp4', "have 'b.mp4' for 'b'"),
        ('videos/b.mp4', "have 'videos/b.mp4' for 'b'"),
        ('c', "name 'c', which is not annotated"),
    ],
)
def test_a_video_without_detections(name, hint):
    (warning,) = _check(_boxes(('a', 902, BOX, 1), (name, 903, FAR, 1)), CLEAN).warnings
    start = "found.csv: 1 of 2 videos has no detection on an annotated keyframe: 'b'"
    assert warning.startswith(f'{start}; the detections {hint}')
    missing = _boxes(('a', 902, BOX, 1), ('b', 77, FAR, 1))
    assert _check(missing, CLEAN).warnings == [start]


def test_padding_of_a_name():
    truth = _boxes(('clip_007', 902, BOX, 1), ('d', 902, BOX, 1))
    found = _boxes(('clip_7', 902, BOX, 1), ('d', 902, BOX, 1))
    (warning,) = _check(found, truth).warnings
    assert "the detections have 'clip_7' for 'clip_007'" in warning


def test_a_video_whose_keyframes_are_excluded_needs_no_detection():
    found = _boxes(('a', 902, BOX, 1))
    assert len(_check(found, CLEAN).warnings) == 1
    assert _check(found, CLEAN, {('b', 903)}) == ([], [])


def test_proposals():
    annotated = {'a,0902': np.array([BOX]), 'b,0903': np.array([FAR])}
    paths = dict(path='p.pkl', ann_file='train.csv')
    good = {key: np.column_stack([boxes, [0.99]]) for key, boxes in annotated.items()}
    assert check_proposals(good, annotated, **paths) == ([], [])
    findings = check_proposals({'a,0902': good['a,0902']}, annotated, **paths)
    assert findings.errors == []
    assert findings.warnings == [
        "p.pkl: no proposal for 1 of 2 keyframes (the first: 'b,0903'); each gets one box as large "
        'as the frame'
    ]
    (error,) = check_proposals({'a,0001': good['a,0902']}, annotated, **paths).errors
    assert error == (
        "p.pkl: no keyframe of train.csv has a proposal: the file holds 'a,0001', the annotations "
        "'a,0902'"
    )
    swapped = {'a,0902': good['b,0903'], 'b,0903': good['a,0902']}
    (error,) = check_proposals(swapped, annotated, **paths).errors
    assert error.startswith('p.pkl: not one of its boxes overlaps')
    assert len(check_proposals({}, annotated, **paths).errors) == 1


def test_proposals_under_the_threshold():
    annotated = {f'a,{second:04d}': np.array([BOX]) for second in range(902, 922)}
    scores = [0.5, 0.5, 0.5, *[0.95] * 17]
    proposals = {
        key: np.column_stack([boxes, [score]])
        for (key, boxes), score in zip(annotated.items(), scores)
    }
    paths = dict(path='p.pkl', ann_file='train.csv')
    assert check_proposals(proposals, annotated, **paths, score_thr=0.4) == ([], [])
    (warning,) = check_proposals(proposals, annotated, **paths, score_thr=0.9).warnings
    assert warning == (
        'p.pkl: on 3 of 20 keyframes no proposal reaches person_det_score_thr=0.9; each keeps its '
        'best one alone'
    )
    proposals['a,0902'][:, 4] = 0.95  # 2 of 20, as happens in AVA
    assert check_proposals(proposals, annotated, **paths, score_thr=0.9) == ([], [])
    unscored = {key: boxes[:, :4] for key, boxes in proposals.items()}
    assert check_proposals(unscored, annotated, **paths, score_thr=0.9) == ([], [])


def test_timestamps():
    rows = np.arange(3)
    boxes = _boxes(('a', 1, BOX, 1), ('a', 25, BOX, 1), ('b', 3, FAR, 1))
    assert timestamps_outside(boxes, rows, 'train.csv', 1, 25) is None
    error = timestamps_outside(boxes, rows, 'train.csv', 901, 926)
    assert error.startswith('train.csv: a,1,0.1,0.2,0.5,0.9,1: the timestamp is outside of ')
    assert 'timestamp_start=901 to timestamp_end=926' in error
    assert 'the annotations run from 1 to 25' in error
    assert timestamps_outside(boxes, rows[[0, 2]], 'train.csv', 1, 24) is None
    assert timestamps_outside(boxes, rows, 'train.csv', 1, 24).startswith('train.csv: a,25,')


def test_files_that_are_not_there():
    paths = {f'v{i}': f'frames/v{i}/img_00009.jpg' for i in range(8)}
    there = {paths['v0']}
    asked = []

    def exists(path):
        asked.append(path)
        return path in there

    error = missing_files(paths, exists, 'the last frame')
    assert error.startswith(
        "7 of 8 videos lack the last frame: 'v1', 'v2', 'v3', 'v4', 'v5' and 2 more; the first is "
        'frames/v1/img_00009.jpg'
    )
    assert sorted(asked) == sorted(paths.values())
    assert missing_files({'v0': paths['v0']}, exists, 'the last frame') is None


def test_unused_columns():
    assert unused_columns(31, 30, 'map.pbtxt') is None
    assert unused_columns(31, 40, 'map.pbtxt') is None  # an error elsewhere
    sentence = unused_columns(81, 30, 'map.pbtxt')
    assert sentence.startswith('map.pbtxt: the highest class id is 30, so num_classes=81 leaves 50')
