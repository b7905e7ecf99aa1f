from __future__ import annotations

import contextlib
import gzip
import heapq
import io
import re
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from mmaction.evaluation.functional import ava_utils

from mmlt.functional import (
    ava_boxes_from_arrays,
    frame_average_precision,
    read_ava_csv,
)

NUM_CASES = 400
DATA = Path(__file__).parents[1] / 'data'


class _SerialPool:
    """What ava_eval needs of its pool of 32 processes."""

    def __init__(self, processes):
        pass

    map = staticmethod(lambda function, items: [function(item) for item in items])


def _reference_mmaction2_ava_eval(folder, class_ids, excluded, monkeypatch):
    """Run the installed ava_eval on the files in `folder`; class id -> AP, and the mean."""
    (folder / 'map.pbtxt').write_text(
        ''.join(f'item {{\n  name: "c{i}"\n  id: {i}\n}}\n' for i in class_ids)
    )
    (folder / 'excluded.csv').write_text(''.join(f'"{v}",{t:04d}\n' for v, t in excluded))
    recorded = []
    compute = ava_utils.metrics.compute_average_precision

    def record(precision, recall):
        recorded.append(compute(precision, recall))
        return recorded[-1]

    printed = io.StringIO()
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        patch.setattr(ava_utils.multiprocessing, 'Pool', _SerialPool)
        patch.setattr(ava_utils.metrics, 'compute_average_precision', record)
        with contextlib.redirect_stdout(printed):
            result = ava_utils.ava_eval(
                str(folder / 'detections.csv'),
                'mAP',
                str(folder / 'map.pbtxt'),
                str(folder / 'truth.csv'),
                str(folder / 'excluded.csv'),
                verbose=False,
            )
    evaluated = [int(i) for i in re.findall(r'Index: (\d+),', printed.getvalue())]
    assert len(evaluated) == len(recorded)
    return dict(zip(evaluated, recorded)), result['overall']


def _reference_official_loops(
    detections, ground_truth, class_ids, excluded, capacity, annotated_only=True
):
    """Follow ActivityNet's rules a row and a box at a time, on annotated keyframes alone or all."""
    truth, found = defaultdict(list), defaultdict(list)
    for video, time, box, label, score in ground_truth:
        if label in class_ids and (video, time) not in excluded:
            truth[video, time].append((score, label, box))
    for video, time, (x1, y1, x2, y2), label, score in detections:
        if label in class_ids:
            entry, heap = (score, label, y1, x1, y2, x2), found[video, time]
            if len(heap) < capacity:
                heapq.heappush(heap, entry)
            elif score > heap[0][0]:
                heapq.heapreplace(heap, entry)
    scores, hits = defaultdict(list), defaultdict(list)
    if annotated_only:
        found = {key: rows for key, rows in found.items() if key in truth}
    else:
        found = {key: rows for key, rows in found.items() if key not in excluded}
    for key in found:
        taken = set()
        boxes = sorted(truth.get(key, ()), key=lambda entry: -entry[0])
        for score, label, y1, x1, y2, x2 in sorted(found[key], key=lambda entry: -entry[0]):
            if x1 >= x2 or y1 >= y2:
                continue
            best, best_iou = None, -1.0
            for index, (_, gt_label, gt) in enumerate(boxes):
                if gt_label == label:
                    width = max(min(x2, gt[2]) - max(x1, gt[0]), 0.0)
                    height = max(min(y2, gt[3]) - max(y1, gt[1]), 0.0)
                    union = (x2 - x1) * (y2 - y1) + (gt[2] - gt[0]) * (gt[3] - gt[1])
                    iou = width * height / (union - width * height)
                    if iou > best_iou:
                        best, best_iou = index, iou
            is_hit = best_iou >= 0.5 and best not in taken
            if is_hit:
                taken.add(best)
            scores[label].append(score)
            hits[label].append(is_hit)
    return [
        _area_under_envelope(
            scores[c], hits[c], sum(entry[1] == c for rows in truth.values() for entry in rows)
        )
        for c in class_ids
    ]


def _area_under_envelope(scores, hits, num_ground_truth):
    if not num_ground_truth:
        return np.nan
    ranked = np.array(hits, dtype=bool)[np.argsort(np.array(scores, dtype=float))[::-1]]
    precision = [sum(ranked[: i + 1]) / (i + 1) for i in range(len(ranked))]
    return sum(max(precision[i:]) for i in range(len(ranked)) if ranked[i]) / num_ground_truth


def _random_rows(rng, num_rows, *, num_labels, levels):
    """Rows on few keyframes and a coarse grid: equal boxes, equal IoUs, boxes without area."""
    rows = []
    for _ in range(num_rows):
        grid = rng.choice([4, 10, 1000])
        x, y = np.sort(rng.integers(0, grid + 1, (2, 2)), axis=1) / grid
        score = rng.integers(0, levels) / levels if levels else rng.normal()
        corners = (float(x[0]), float(y[0]), float(x[1]), float(y[1]))
        label = int(rng.integers(1, num_labels + 1))
        video = rng.choice(['a', 'b', 'with,comma'])
        rows.append((str(video), int(rng.integers(898, 1002)) // 25, corners, label, float(score)))
    return rows


def _random_case(rng):
    num_labels = int(rng.integers(1, 7))
    levels = int(rng.choice([0, 0, 2, 10, 10_000]))
    truth = _random_rows(rng, int(rng.integers(1, 40)), num_labels=num_labels, levels=3)
    found = _random_rows(rng, int(rng.integers(0, 300)), num_labels=num_labels, levels=levels)
    for row in truth * int(rng.integers(0, 3)):
        # Detections that hit: the annotated box, or one near it.
        shift = float(rng.choice([0.0, 0.0, 0.02, 0.1]))
        x1, y1, x2, y2 = row[2]
        score = float(rng.integers(0, levels) / levels if levels else rng.normal())
        found.append((row[0], row[1], (x1, y1, x2 + shift, y2), row[3], score))
    found = [found[i] for i in rng.permutation(len(found))]
    class_ids = (
        rng.permutation(num_labels + 2)[: int(rng.integers(1, num_labels + 2))] + 1
    ).tolist()
    if not any(row[3] in class_ids for row in truth):
        class_ids.append(truth[0][3])
    excluded = sorted({row[:2] for row in truth if rng.random() < 0.15})
    return found, truth, class_ids, excluded


def _write(path, rows):
    path.write_text(
        ''.join(
            f'"{video}",{time:04d},{",".join(map(repr, box))},{label},{score!r}\n'
            for video, time, box, label, score in rows
        )
    )


def _boxes(rows):
    columns = list(zip(*rows)) or [()] * 5
    return ava_boxes_from_arrays(*columns)


LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


@pytest.mark.parametrize('protocol', ['mmaction2', 'official'])
def test_hand_computed(protocol):
    truth = _boxes([('a', 1, LEFT, 1, 0), ('a', 1, RIGHT, 1, 1), ('a', 2, LEFT, 2, 0)])
    found = _boxes(
        [
            ('a', 1, (0.0, 0.0, 0.4, 1.0), 1, 0.9),  # IoU .8 with LEFT: true
            ('a', 1, LEFT, 1, 0.8),  # a better-scored detection has LEFT: false
            ('a', 1, (0.45, 0.0, 0.55, 1.0), 1, 0.7),  # IoU under .5 with both: false
            ('a', 1, RIGHT, 1, 0.6),  # true
            ('a', 1, LEFT, 2, 0.9),  # no box of class 2 on this keyframe: false, if annotated
            ('a', 2, LEFT, 2, 0.1),  # true
        ]
    )
    result = frame_average_precision(found, truth, class_ids=[2, 1, 3], protocol=protocol)
    # Class 1: precisions 1 and 2/4 at recalls 1/2 and 1. Class 2: 1/2 at recall 1.
    assert result.per_class[:2].tolist() == [0.5, 0.75]
    assert np.isnan(result.per_class[2])
    assert result.mean == 0.625


def test_precision_envelope_by_hand():
    truth = _boxes([('a', t, LEFT, 1, 0) for t in range(4)])
    found = _boxes([('a', 0, RIGHT, 1, 0.9)] + [('a', t, LEFT, 1, 0.8 - 0.1 * t) for t in range(3)])
    # Precisions 1/2, 2/3, 3/4, the envelope 3/4 at each of three of four recall levels.
    assert frame_average_precision(found, truth, class_ids=[1]).mean == 0.75 * 0.75


def test_there_is_no_second_choice():
    # Both detections overlap LEFT most, the second one also overlaps the other box by 2/3.
    truth = _boxes([('a', 1, LEFT, 1, 0), ('a', 1, (0.0, 0.0, 0.6, 1.0), 1, 0)])
    found = _boxes([('a', 1, LEFT, 1, 0.9), ('a', 1, (0.0, 0.0, 0.45, 1.0), 1, 0.8)])
    assert frame_average_precision(found, truth, class_ids=[1]).mean == 0.5


@pytest.mark.parametrize(
    ('case', 'mmaction2', 'official'),
    [
        ('undetected class', [1.0, np.nan], [1.0, 0.0]),
        ('excluded keyframe', [0.5, np.nan], [1.0, np.nan]),
        ('detection without area', [0.5, np.nan], [1.0, np.nan]),
        ('scores equal in float32', [1.0, np.nan], [0.5, np.nan]),
    ],
)
def test_the_protocols_differ_as_the_table_says(case, mmaction2, official):
    truth, found, excluded = [('a', 1, LEFT, 1, 0)], [('a', 1, LEFT, 1, 0.5)], []
    if case == 'undetected class':
        truth.append(('a', 1, LEFT, 2, 0))
    elif case == 'excluded keyframe':
        truth.append(('a', 2, LEFT, 1, 0))
        excluded = [('a', 2)]
    elif case == 'detection without area':
        found.append(('a', 1, (0.1, 0.1, 0.1, 0.2), 1, 0.9))
    else:
        # In float32 a tie, which the reversed sort of two gives to the later one, the hit.
        found.insert(0, ('a', 1, RIGHT, 1, 0.5 + 1e-12))
    for protocol, expected in (('mmaction2', mmaction2), ('official', official)):
        result = frame_average_precision(
            _boxes(found), _boxes(truth), class_ids=[1, 2], excluded=excluded, protocol=protocol
        )
        np.testing.assert_array_equal(result.per_class, expected)


def test_detections_on_keyframes_without_ground_truth_by_hand():
    truth = [('a', 1, LEFT, 1, 0), ('a', 3, LEFT, 2, 0)]
    found = [
        ('a', 1, LEFT, 1, 0.5),
        ('a', 2, LEFT, 1, 0.9),  # nobody is annotated at second 2
        ('a', 3, LEFT, 1, 0.8),  # second 3 is annotated, though not with class 1
    ]
    # Ranks: second 2 (if it counts), second 3, and then the hit.
    for protocol in ('mmaction2', 'official'):
        result = frame_average_precision(
            _boxes(found), _boxes(truth), class_ids=[1, 2], protocol=protocol
        )
        assert result.per_class[0] == 1 / 2
    script = _reference_official_loops(found, truth, [1, 2], set(), 50, annotated_only=False)
    assert script[0] == 1 / 3
    ours = _reference_official_loops(found, truth, [1, 2], set(), 50)
    assert ours[0] == 1 / 2


def test_capacity_by_hand():
    truth = _boxes([('a', 1, LEFT, 1, 0), ('a', 2, LEFT, 1, 0)])
    found = _boxes(
        [
            ('a', 1, RIGHT, 3, 0.9),  # a class that is not evaluated takes no room
            ('a', 1, RIGHT, 2, 0.8),
            ('a', 1, LEFT, 1, 0.7),
            ('a', 2, LEFT, 1, 0.1),
        ]
    )
    kwargs = dict(class_ids=[1, 2], protocol='official')
    assert frame_average_precision(found, truth, capacity=1, **kwargs).per_class[0] == 0.5
    assert frame_average_precision(found, truth, capacity=2, **kwargs).per_class[0] == 1.0
    assert frame_average_precision(found, truth, capacity=None, **kwargs).per_class[0] == 1.0
    # mmaction2 has no capacity.
    assert frame_average_precision(found, truth, class_ids=[1], capacity=1).mean == 1.0


def test_rows_tied_at_the_border_of_the_capacity_by_hand():
    low_left, top_right = (0.0, 0.2, 0.5, 1.0), (0.5, 0.0, 1.0, 0.8)
    truth = _boxes([('a', 1, low_left, 1, 0)])
    for tied in ([low_left, top_right], [top_right, low_left]):
        found = _boxes([('a', 1, box, 1, 0.5) for box in tied] + [('a', 1, LEFT, 2, 0.9)])
        # The third row pushes out the smallest (score, class, y1, x1, ...): top_right.
        result = frame_average_precision(
            found, truth, class_ids=[1, 2], protocol='official', capacity=2
        )
        assert result.per_class[0] == 1.0
        # With room for one, a row that only equals the lowest score is not admitted.
        result = frame_average_precision(
            found._replace(scores=np.array([0.5, 0.5, 0.5])),
            truth,
            class_ids=[1, 2],
            protocol='official',
            capacity=1,
        )
        assert result.per_class[0] == (1.0 if tied[0] == low_left else 0.0)


@pytest.mark.parametrize('seed', range(4))
def test_equals_mmaction2_ava_eval(tmp_path, monkeypatch, seed):
    rng = np.random.default_rng([30, seed])
    for _ in range(NUM_CASES // 4):
        found, truth, class_ids, excluded = _random_case(rng)
        excluded.append(('never annotated', 7))
        _write(tmp_path / 'detections.csv', found)
        _write(tmp_path / 'truth.csv', truth)
        expected, mean = _reference_mmaction2_ava_eval(tmp_path, class_ids, excluded, monkeypatch)
        if found:
            detections = read_ava_csv(tmp_path / 'detections.csv')
        else:
            detections = _boxes([])
        result = frame_average_precision(
            detections, read_ava_csv(tmp_path / 'truth.csv'), class_ids=class_ids, excluded=excluded
        )
        in_order = np.array([expected.get(i, np.nan) for i in class_ids])
        assert result.per_class.tobytes() == in_order.tobytes()
        np.testing.assert_allclose(result.mean, mean, rtol=5e-16)


def _real_slice(folder):
    """Unpack 44 keyframes of a real SlowFast run on one AVA v2.2 video; the ids of its classes."""
    for name, source in (('detections', 'detections'), ('truth', 'ground_truth')):
        packed = DATA / f'slowfast_slice_{source}.csv.gz'
        (folder / f'{name}.csv').write_bytes(gzip.decompress(packed.read_bytes()))
    label_map = (DATA / 'ava_action_list_v2.2_for_activitynet_2019.pbtxt').read_text()
    return [int(i) for i in re.findall(r'id: (\d+)', label_map)]


@pytest.mark.parametrize('num_excluded', [0, 5])
def test_equals_mmaction2_ava_eval_on_a_real_run(tmp_path, monkeypatch, num_excluded):
    class_ids = _real_slice(tmp_path)
    truth = read_ava_csv(tmp_path / 'truth.csv')
    keyframes = sorted({(truth.video_names[0], time) for time in truth.timestamps.tolist()})
    excluded = keyframes[:num_excluded]
    expected, mean = _reference_mmaction2_ava_eval(tmp_path, class_ids, excluded, monkeypatch)
    result = frame_average_precision(
        read_ava_csv(tmp_path / 'detections.csv'), truth, class_ids=class_ids, excluded=excluded
    )
    assert len(expected) >= 8 and 0.1 < mean < 0.9
    in_order = np.array([expected.get(i, np.nan) for i in class_ids])
    assert result.per_class.tobytes() == in_order.tobytes()
    np.testing.assert_allclose(result.mean, mean, rtol=5e-16)


def test_equals_official_loops_on_a_real_run(tmp_path):
    class_ids = _real_slice(tmp_path)
    found = read_ava_csv(tmp_path / 'detections.csv')
    truth = read_ava_csv(tmp_path / 'truth.csv')
    rows = []
    for boxes in (found, truth):
        names = boxes.video_names[boxes.video_index].tolist()
        fields = (boxes.timestamps, boxes.boxes_xyxy_norm, boxes.labels, boxes.scores)
        rows.append(list(zip(names, *(field.tolist() for field in fields))))
    expected = _reference_official_loops(*rows, class_ids, set(), 50)
    result = frame_average_precision(found, truth, class_ids=class_ids, protocol='official')
    np.testing.assert_allclose(result.per_class, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('capacity', [1, 3, 20, 1000])
def test_equals_official_loops(capacity):
    rng = np.random.default_rng([31, capacity])
    for _ in range(60):
        found, truth, class_ids, excluded = _random_case(rng)
        # Equal scores of one class on one keyframe are in a heap's order over there.
        found = list({(row[0], row[1], row[3], row[4]): row for row in found}.values())
        expected = _reference_official_loops(found, truth, class_ids, set(excluded), capacity)
        result = frame_average_precision(
            _boxes(found),
            _boxes(truth),
            class_ids=class_ids,
            excluded=excluded,
            protocol='official',
            capacity=capacity,
        )
        np.testing.assert_allclose(result.per_class, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('protocol', ['mmaction2', 'official'])
def test_order_of_rows_does_not_matter_without_ties(protocol):
    rng = np.random.default_rng(32)
    truth = [
        (video, time, (x, 0.1, x + 0.15, 0.9), label, 0)
        for video in 'ab'
        for time in range(3)
        for x, label in ((0.0, 1), (0.3, 2), (0.6, 1))
    ]
    found = [
        (*row[:2], (row[2][0], 0.1, row[2][2] + 0.1 * rng.random(), 0.9), label, rng.random())
        for row in truth
        for label in (1, 2)
    ]
    expected = frame_average_precision(
        _boxes(found), _boxes(truth), class_ids=[1, 2], protocol=protocol
    )
    assert 0 < expected.mean < 1
    shuffled = frame_average_precision(
        _boxes([found[i] for i in rng.permutation(len(found))]),
        _boxes([truth[i] for i in rng.permutation(len(truth))]),
        class_ids=[1, 2],
        protocol=protocol,
    )
    assert np.array_equal(shuffled.per_class, expected.per_class)


@pytest.mark.parametrize(('protocol', 'undetected'), [('mmaction2', np.nan), ('official', 0.0)])
def test_edges(protocol, undetected):
    truth, nothing = _boxes([('a', 1, LEFT, 1, 0)]), _boxes([])

    def per_class(found, boxes, **kwargs):
        return frame_average_precision(found, boxes, class_ids=[1], protocol=protocol, **kwargs)

    np.testing.assert_array_equal(per_class(nothing, truth).per_class, [undetected])
    assert np.isnan(per_class(truth, nothing).mean)
    assert np.isnan(per_class(nothing, nothing).mean)
    # A detection of the same video at another time, of another video, and of another class.
    for row in (('a', 2, LEFT, 1, 0.5), ('b', 1, LEFT, 1, 0.5), ('a', 1, LEFT, 2, 0.5)):
        np.testing.assert_array_equal(per_class(_boxes([row]), truth).per_class, [undetected])
    # Everything excluded: the official count is zero, mmaction2's is taken before.
    everything = per_class(truth, truth, excluded=[('a', 1)])
    assert np.isnan(everything.mean)


def test_iou_threshold():
    truth = _boxes([('a', 1, (0.0, 0.0, 1.0, 1.0), 1, 0)])
    found = _boxes([('a', 1, (0.0, 0.0, 0.75, 1.0), 1, 0.5)])
    for threshold, expected in ((0.75, 1.0), (0.76, 0.0)):
        result = frame_average_precision(found, truth, class_ids=[1], iou_threshold=threshold)
        assert result.mean == expected


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(class_ids=[]), 'class_ids is empty'),
        (dict(class_ids=[1, 2, 1]), 'class_ids holds 1 more than once'),
        (dict(class_ids=[1, -2]), 'class_ids holds -2: ids run from 0'),
        (dict(class_ids=['walk']), 'class_ids must be a flat list of integers'),
        (dict(class_ids=[1], protocol='coco'), "one of 'mmaction2', 'official', got 'coco'"),
        (dict(class_ids=[1], capacity=0), 'capacity must be an integer of at least 1, got 0'),
        (dict(class_ids=[1], iou_threshold=0), r'iou_threshold must be in \(0, 1\], got 0'),
        (dict(class_ids=[1], iou_threshold='x'), r"iou_threshold must be in \(0, 1\], got 'x'"),
        (dict(class_ids=[1], excluded=5), 'excluded is 5: it takes'),
        (dict(class_ids=[1], excluded=[5]), 'excluded holds 5: it takes'),
        (dict(class_ids=[1], excluded=[('a', 'x')]), r"excluded holds \('a', 'x'\): it takes"),
        (dict(class_ids=[1], excluded=[('a', np.inf)]), r"excluded holds \('a', inf\): it takes"),
        (dict(class_ids=[1], excluded=['a,1']), "excluded holds 'a,1': it takes"),
        (dict(class_ids=[1], excluded=[('a', 1.5)]), r"excluded holds \('a', 1.5\)"),
    ],
)
def test_errors_of_the_options(kwargs, message):
    truth = _boxes([('a', 1, LEFT, 1, 0)])
    with pytest.raises(ValueError, match=message):
        frame_average_precision(truth, truth, **kwargs)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(scores=np.array([np.nan])), r'detections.scores\[0\] is nan: it must be a number'),
        (dict(scores=np.zeros(2)), r'detections.scores must have shape \(1,\), got \(2,\)'),
        (dict(boxes_xyxy_norm=np.zeros((1, 5))), r'must have shape \(1, 4\), got \(1, 5\)'),
        (
            dict(boxes_xyxy_norm=np.array([[0.5, 0, 0.4, 1]])),
            r'detections.boxes_xyxy_norm\[0\] is \[0.5, 0.0, 0.4, 1.0\]: .* x1 <= x2',
        ),
        (dict(boxes_xyxy_norm=np.array([[0, 0, np.inf, 1]])), 'a box needs finite numbers'),
        (dict(video_index=np.array([1])), 'video_index runs from 1 to 1: there are 1 videos'),
    ],
)
def test_errors_of_the_boxes(change, message):
    truth = _boxes([('a', 1, LEFT, 1, 0)])
    with pytest.raises(ValueError, match=message):
        frame_average_precision(truth._replace(**change), truth, class_ids=[1])
