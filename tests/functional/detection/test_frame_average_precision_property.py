"""Random cases against mmaction2's own ``ava_eval``, bit for bit, and ActivityNet's rules.

``MMLT_PROPERTY_CASES=20000 pytest <this file>`` tries so many cases.
"""

from __future__ import annotations

import contextlib
import gzip
import heapq
import importlib
import io
import os
import pathlib
import re
import tempfile
import warnings
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.evaluation.functional import ava_utils

from mmlt.functional import ava_boxes_from_arrays, frame_average_precision, read_ava_csv

DATA = pathlib.Path(__file__).parents[2] / 'data'

NUM_CASES = int(os.environ.get('MMLT_PROPERTY_CASES', '1000'))
NUM_SEEDS = 4


class _SerialPool:
    """What ava_eval needs of its pool of 32 processes."""

    def __init__(self, processes):
        pass

    map = staticmethod(lambda function, items: [function(item) for item in items])


def _reference_mmaction2_ava_eval(folder, class_ids, excluded, monkeypatch):
    """Run the installed ava_eval on the files in `folder`; class id -> AP, and the means."""
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
    return dict(zip(evaluated, recorded)), result


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
    for key in found:
        if key not in truth if annotated_only else key in excluded:
            continue
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


def _random_rows(rng, num_rows, *, labels, levels):
    """Rows on few keyframes and a coarse grid: equal boxes, equal IoUs, boxes without area."""
    rows = []
    for _ in range(num_rows):
        grid = rng.choice([4, 10, 1000])
        x, y = np.sort(rng.integers(0, grid + 1, (2, 2)), axis=1) / grid
        corners = (float(x[0]), float(y[0]), float(x[1]), float(y[1]))
        video = rng.choice(['a', 'b', 'with,comma'])
        time = int(rng.integers(898, 1002)) // 25
        rows.append((str(video), time, corners, int(rng.choice(labels)), _score(rng, levels)))
    return rows


def _score(rng, levels):
    if levels == 'odd':  # both zeros, equal or infinite in float32, negative
        return float(rng.choice([0.0, -0.0, 1e-50, 1e300, 2e300, -1e300, 0.5, 0.5 + 1e-12, -0.5]))
    return float(rng.integers(0, levels) / levels) if levels else float(rng.normal())


def _random_case(rng):
    """Detections, ground truth, class ids and excluded keyframes."""
    labels = rng.choice(80, int(rng.choice([1, 2, 3, 6, 6, 30])), replace=False) + 1
    levels = [0, 0, 2, 10, 10_000, 'odd'][rng.integers(6)]
    truth = _random_rows(rng, int(rng.integers(1, 40)), labels=labels, levels=3)
    found = _random_rows(rng, int(rng.integers(0, 300)), labels=labels, levels=levels)
    for row in truth * int(rng.integers(0, 3)):
        # Detections that hit: the annotated box, or one near it.
        x1, y1, x2, y2 = row[2]
        corners = (x1, y1, x2 + float(rng.choice([0.0, 0.0, 0.02, 0.1])), y2)
        found.append((row[0], row[1], corners, row[3], _score(rng, levels)))
    found += [found[i] for i in rng.integers(0, len(found), len(found) // 4)]  # duplicates
    found = [found[i] for i in rng.permutation(len(found))]
    if rng.random() < 0.5:
        found.sort(key=lambda row: row[:2])  # keyframe by keyframe, as detectors write them
    num_classes = int(rng.integers(1, len(labels) + 2))
    class_ids = rng.permutation([*labels, 81, 82])[:num_classes].tolist()
    excluded = sorted({row[:2] for row in truth if rng.random() < 0.15})
    return found, truth, class_ids, [*excluded, ('never annotated', 7)]


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


def _assert_equals_ava_eval(folder, case, monkeypatch):
    """Compare every class, the mean and the three group means; or both raise."""
    found, truth, class_ids, excluded = case
    _write(folder / 'detections.csv', found)
    _write(folder / 'truth.csv', truth)
    detections = read_ava_csv(folder / 'detections.csv') if found else _boxes([])
    kwargs = dict(class_ids=class_ids, excluded=excluded)
    if not {row[3] for row in truth} & set(class_ids):
        with pytest.raises(ValueError, match='need at least one array to concatenate'):
            _reference_mmaction2_ava_eval(folder, class_ids, excluded, monkeypatch)
        with pytest.raises(ValueError, match='ground_truth has no box of class_ids'):
            frame_average_precision(detections, _boxes(truth), **kwargs)
        return
    expected, means = _reference_mmaction2_ava_eval(folder, class_ids, excluded, monkeypatch)
    in_order = np.array([expected.get(i, np.nan) for i in class_ids])
    result = frame_average_precision(detections, read_ava_csv(folder / 'truth.csv'), **kwargs)
    assert result.per_class.tobytes() == in_order.tobytes()
    np.testing.assert_array_equal(result.mean, means['overall'])  # to the last bit, or both NaN
    from_arrays = frame_average_precision(_boxes(found), _boxes(truth), **kwargs)
    assert from_arrays.per_class.tobytes() == in_order.tobytes()
    ids = np.array(class_ids)
    for name, is_in in (
        ('person_movement', ids <= 14),
        ('object_manipulation', (ids > 14) & (ids < 64)),
        ('person_interaction', ids >= 64),
    ):
        values = result.per_class[is_in & ~np.isnan(result.per_class)]
        mean = values.mean() if len(values) else np.nan
        np.testing.assert_allclose(mean, means[name], rtol=1e-15)


@pytest.mark.parametrize('seed', range(NUM_SEEDS))
def test_equals_mmaction2_ava_eval(tmp_path, monkeypatch, seed):
    rng = np.random.default_rng([30, seed])
    for _ in range(NUM_CASES // NUM_SEEDS):
        _assert_equals_ava_eval(tmp_path, _random_case(rng), monkeypatch)


def test_too_many_cells_for_a_table_and_integer_keys(tmp_path, monkeypatch):
    module = importlib.import_module('mmlt.functional.detection.frame_average_precision')
    monkeypatch.setattr(module, '_MAX_TABLE', 0)
    keys = importlib.import_module('mmlt.functional.detection._score_keys')
    monkeypatch.setattr(keys, '_key_type', lambda dtype, num_cells: np.complex128)
    rng = np.random.default_rng(33)
    for _ in range(40):
        _assert_equals_ava_eval(tmp_path, _random_case(rng), monkeypatch)


_CORNERS = [(0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 0.6, 1.0), (0.4, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5)]
_ROWS = st.tuples(
    st.sampled_from('ab'),
    st.integers(1, 2),
    st.sampled_from(_CORNERS),
    st.sampled_from([1, 2, 16, 80]),
    st.sampled_from([0.0, 0.25, 0.5, 0.5 + 1e-12, 1.0]),
)


@settings(max_examples=NUM_CASES // 4, deadline=None, derandomize=True, database=None)
@given(
    found=st.lists(_ROWS, max_size=40),
    truth=st.lists(_ROWS, min_size=1, max_size=8),
    class_ids=st.lists(st.sampled_from([1, 2, 3, 16, 80]), min_size=1, unique=True),
    excluded=st.lists(st.tuples(st.sampled_from('ab'), st.integers(1, 2)), max_size=2),
)
def test_equals_mmaction2_ava_eval_on_small_cases(found, truth, class_ids, excluded):
    # Hypothesis shrinks what fails to the rows that matter.
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        case = found, truth, class_ids, excluded
        _assert_equals_ava_eval(pathlib.Path(folder), case, monkeypatch)


ROW = 'a,0001,0.0,0.0,0.5,1.0,1,0.5\n'


@pytest.mark.parametrize(
    ('detections', 'class_ids', 'message'),
    [
        (ROW + 'a,0001,0,0,1,1,1,0.5,9\n', [1], 'line 2 has 9 columns'),
        (ROW + 'a,0001,0,0,1,1\n', [1], 'line 2 has 6 columns'),
        (ROW + 'a,0001,0.6,0,0.5,1,1,0.5\n', [1], "line 2: x1 is '0.6': it must not exceed x2"),
        (ROW + 'a,0001,0,0.6,1,0.5,1,0.5\n', [1], "line 2: y1 is '0.6': it must not exceed y2"),
        (ROW + 'a,noon,0,0,1,1,1,0.5\n', [1], "line 2: timestamp is 'noon'"),
        (ROW + 'a,0001,0,0,1,1,one,0.5\n', [1], "line 2: label is 'one'"),
        (ROW + 'a,0001,0,0,wide,1,1,0.5\n', [1], "line 2: x2 is 'wide'"),
        (ROW + 'a,0001,0,0,1,1,1,high\n', [1], "line 2: score is 'high'"),
        (ROW, [1, 1], 'class_ids holds 1 more than once'),
        (ROW, [], 'class_ids is empty'),
        (ROW, [2], 'ground_truth has no box of class_ids'),
    ],
)
def test_where_ava_eval_raises_so_do_we(tmp_path, monkeypatch, detections, class_ids, message):
    (tmp_path / 'detections.csv').write_text(detections)
    (tmp_path / 'truth.csv').write_text(ROW)
    with pytest.raises((ValueError, AssertionError, TypeError, KeyError)):
        _reference_mmaction2_ava_eval(tmp_path, class_ids, [], monkeypatch)
    with pytest.raises(ValueError, match=message):
        frame_average_precision(
            read_ava_csv(tmp_path / 'detections.csv'),
            read_ava_csv(tmp_path / 'truth.csv'),
            class_ids=class_ids,
        )


@pytest.mark.parametrize('capacity', [1, 3, 20, 1000])
def test_equals_official_loops(monkeypatch, capacity):
    protocols = importlib.import_module('mmlt.functional.detection._ava_protocols')
    monkeypatch.setattr(protocols, '_CHUNK', 20)  # a few keyframes, not all of them
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


def test_the_script_counts_detections_where_nobody_is_annotated_and_official_does_not():
    left, other = (0.1, 0.1, 0.4, 0.9), (0.5, 0.1, 0.9, 0.9)
    truth = [('a', 1, left, 1, 0.0)]
    found = [('a', 1, left, 1, 0.5), ('a', 2, other, 1, 0.9)]  # second 2 has no annotation
    script = _reference_official_loops(found, truth, [1], set(), 50, annotated_only=False)
    assert script == [1 / 2]
    result = frame_average_precision(
        _boxes(found), _boxes(truth), class_ids=[1], protocol='official'
    )
    assert result.per_class.tolist() == [1.0]


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
    expected, means = _reference_mmaction2_ava_eval(tmp_path, class_ids, excluded, monkeypatch)
    result = frame_average_precision(
        read_ava_csv(tmp_path / 'detections.csv'), truth, class_ids=class_ids, excluded=excluded
    )
    assert len(expected) >= 8 and 0.1 < means['overall'] < 0.9
    in_order = np.array([expected.get(i, np.nan) for i in class_ids])
    assert result.per_class.tobytes() == in_order.tobytes()
    assert result.mean == means['overall']


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
