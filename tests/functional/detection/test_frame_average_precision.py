from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import ava_boxes_from_arrays, frame_average_precision


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
    if protocol == 'official':
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


@pytest.mark.parametrize('labels', [[], [2]])
def test_mmaction2_is_undefined_without_ground_truth_of_the_classes(labels):
    found = _boxes([('a', 1, LEFT, 1, 0.5)])
    truth = _boxes([('a', 1, LEFT, label, 0) for label in labels])
    with pytest.raises(ValueError, match='ground_truth has no box of class_ids'):
        frame_average_precision(found, truth, class_ids=[1])


@pytest.mark.parametrize(
    ('protocol', 'num_classes'), [('mmaction2', 150), ('official', 150), ('mmaction2', 33_000)]
)
def test_many_classes(protocol, num_classes):
    # More than an 8-bit and a 16-bit class index can number; one class in three is found.
    ids = np.arange(num_classes)
    rows = ['a'] * num_classes, np.full(num_classes, 7), np.tile(LEFT, (num_classes, 1)), ids
    truth = ava_boxes_from_arrays(*rows)
    is_right = ids % 3 == 0
    boxes = np.where(is_right[:, None], LEFT, RIGHT)
    found = truth._replace(boxes_xyxy_norm=boxes)
    result = frame_average_precision(
        found, truth, class_ids=ids[::-1], protocol=protocol, capacity=None
    )
    assert np.array_equal(result.per_class, is_right[::-1].astype(float))


def test_keyframes_longer_than_a_block_of_rows():
    # 3 x 50,000 rows, the hit of each keyframe last but one by score: precision 1 / 49,999.
    num_rows = 50_000
    times = np.repeat([1, 2, 3], num_rows)
    scores = np.tile(np.arange(num_rows, 0.0, -1), 3)
    boxes = np.tile(RIGHT, (len(times), 1))
    boxes[scores == 2] = LEFT
    found = ava_boxes_from_arrays(['a'] * len(times), times, boxes, times, scores)
    truth = _boxes([('a', t, LEFT, t, 0) for t in (1, 2, 3)])
    for protocol, capacity in (('mmaction2', None), ('official', None), ('official', 49_999)):
        options = dict(class_ids=[1, 2, 3], protocol=protocol, capacity=capacity)
        result = frame_average_precision(found, truth, **options)
        assert result.per_class.tolist() == [1 / 49_999] * 3
    result = frame_average_precision(found, truth, **{**options, 'capacity': 49_998})
    assert result.per_class.tolist() == [0.0] * 3
