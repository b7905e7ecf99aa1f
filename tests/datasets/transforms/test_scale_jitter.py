from __future__ import annotations

import numpy as np
import pytest
from mmaction.utils import register_all_modules
from mmcv.transforms import Compose
from mmengine.registry import TRANSFORMS

from mmlt.datasets.transforms import ScaleJitter


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


def _results(height, width, boxes, proposals=None):
    """Two frames, white inside the first box, and the boxes in pixels."""
    frame = np.zeros((height, width, 3), dtype=np.uint8)
    left, top, right, bottom = boxes[0]
    frame[top:bottom, left:right] = 255
    results = dict(
        imgs=[frame, frame],
        img_shape=(height, width),
        modality='RGB',
        gt_bboxes=np.array(boxes, dtype=np.float64),
        gt_labels=np.arange(len(boxes)),
        entity_ids=10 + np.arange(len(boxes)),
    )
    if proposals is not None:
        results['proposals'] = np.array(proposals, dtype=np.float64)
        results['scores'] = np.linspace(0, 1, len(proposals))
    return results


def _at(monkeypatch, ratio, y=0, x=0):
    """Let the next draws be these."""
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: ratio)
    monkeypatch.setattr(np.random, 'randint', lambda high: np.minimum([y, x], high - 1))


def test_hand_computed_crop(monkeypatch):
    # 40 x 80 fits into 20 x 40 at a half; twice as large it is what it was, and cropped to 20 x 40
    _at(monkeypatch, 2.0, y=5, x=30)
    boxes = [[30, 10, 50, 30], [60, 0, 80, 20], [0, 0, 10, 10]]
    proposals = [[0, 0, 10, 10], [60, 20, 80, 28]]
    results = ScaleJitter((20, 40))(_results(40, 80, boxes, proposals))
    assert results['img_shape'] == (20, 40)
    assert [img.shape for img in results['imgs']] == [(20, 40, 3)] * 2
    # the second box is cut at the right and above, the third one's centre is outside
    assert results['gt_bboxes'].tolist() == [[0, 5, 20, 20], [30, 0, 40, 15]]
    assert results['gt_labels'].tolist() == [0, 1] and results['entity_ids'].tolist() == [10, 11]
    assert results['proposals'].tolist() == [[30, 15, 40, 20]] and results['scores'].tolist() == [1]
    white = results['imgs'][1][..., 0] > 127
    assert white[5:20, :20].all() and white.sum() == 15 * 20


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_boxes_keep_their_type(monkeypatch, dtype):
    _at(monkeypatch, 2.0, y=5, x=30)
    results = _results(40, 80, [[30, 10, 50, 30]], [[60, 20, 80, 28]])
    for key in ('gt_bboxes', 'proposals'):
        results[key] = results[key].astype(dtype)
    results = ScaleJitter((20, 40))(results)
    assert results['gt_bboxes'].dtype == results['proposals'].dtype == dtype


def test_smaller_is_left_to_be_padded(monkeypatch):
    _at(monkeypatch, 0.9)
    results = ScaleJitter(40)(_results(40, 80, [[0, 0, 80, 40]]))
    assert results['img_shape'] == (18, 36)
    np.testing.assert_allclose(results['gt_bboxes'], [[0, 0, 36, 18]])


@pytest.mark.parametrize('shape', [(33, 70), (70, 33), (64, 64), (7, 90)])
def test_ratio_one_is_the_resize_of_mmaction2(shape):
    expected = TRANSFORMS.build(dict(type='Resize', scale=(64, 64)))
    boxes = [[1, 2, 5, 7]]
    ours = ScaleJitter(64, ratio_range=(1, 1))(_results(*shape, boxes))
    theirs = expected(_results(*shape, boxes))
    assert ours['img_shape'] == theirs['img_shape']
    assert all(np.array_equal(*pair) for pair in zip(ours['imgs'], theirs['imgs']))
    np.testing.assert_array_equal(ours['gt_bboxes'], theirs['gt_bboxes'])


@pytest.mark.parametrize('size', [(48, 48), (32, 64)])
@pytest.mark.parametrize('shape', [(60, 120), (120, 60)])
def test_boxes_lie_on_their_pixels_and_the_picture_within_the_size(shape, size):
    transform = Compose([ScaleJitter(size), dict(type='Flip', flip_ratio=0.5)])
    np.random.seed(0)  # noqa: NPY002
    shapes = set()
    for _ in range(60):
        left, top = np.random.randint([shape[1] - 30, shape[0] - 30])  # noqa: NPY002
        results = transform(_results(*shape, [[left, top, left + 30, top + 30]]))
        height, width = results['img_shape']
        assert results['imgs'][0].shape[:2] == (height, width)
        assert height <= size[0] and width <= size[1]
        shapes.add((height, width))
        assert len(results['gt_bboxes']) == 1  # the crop goes to where a box is
        ys, xs = np.nonzero(results['imgs'][0][..., 0] > 127)
        drawn = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        np.testing.assert_allclose(results['gt_bboxes'][0], drawn, atol=1.01)
    assert len(shapes) > 5


def test_a_crop_without_a_box_moves_to_the_nearest(monkeypatch):
    boxes = [[70, 0, 80, 10], [50, 30, 56, 40]]  # centres (5, 75) and (35, 53)
    _at(monkeypatch, 2.0, y=0, x=0)  # the crop holds y 0 to 20, x 0 to 40: 35 and 28 pixels away
    results = ScaleJitter((20, 40))(_results(40, 80, boxes))
    assert results['gt_labels'].tolist() == [1]
    assert results['gt_bboxes'].tolist() == [[37, 15, 40, 20]]  # from (15, 13) on


def test_the_crop_stays_in_the_picture_where_a_box_does_not(monkeypatch):
    _at(monkeypatch, 2.0, y=9, x=9)
    results = ScaleJitter((20, 40))(_results(40, 80, [[-30, 0, 10, 20]]))  # its centre is at -10
    assert results['gt_bboxes'].tolist() == [[0, 0, 10, 11]]  # from (9, 0) on
    assert results['imgs'][0].shape == (20, 40, 3)


def test_clips_without_boxes(monkeypatch):
    _at(monkeypatch, 2.0, y=1, x=2)
    results = _results(40, 80, [[0, 0, 4, 4]])
    for key in ('gt_bboxes', 'gt_labels', 'entity_ids'):
        del results[key]
    results = ScaleJitter((20, 40))(results)
    assert results['img_shape'] == (20, 40) and not results['imgs'][0][3:, 2:].any()
    assert results['imgs'][0][:3, :2].all()


def test_ratios_are_uniform_over_the_range():
    np.random.seed(1)  # noqa: NPY002
    transform = ScaleJitter(1000)
    drawn = []
    for _ in range(300):
        results = dict(imgs=[], img_shape=(500, 1000), modality='RGB')
        drawn.append(transform(results)['scale_factor'][0])
    assert 0.9 <= min(drawn) < 0.91 and 1.32 < max(drawn) <= 1.3301  # in float32
    assert np.mean(drawn) == pytest.approx(1.115, abs=0.02)


@pytest.mark.parametrize('options', [dict(size=0), dict(size=(1, 2, 3)), dict(size=(4, 'a'))])
def test_bad_sizes(options):
    with pytest.raises(ValueError, match=r'size(\[\d\])? must be'):
        ScaleJitter(**options)


@pytest.mark.parametrize('ratio_range', [(0, 1), (1.2, 0.8), (1,), (1, np.inf), (1, np.nan)])
def test_bad_ranges(ratio_range):
    with pytest.raises(ValueError, match='ratio_range must be'):
        ScaleJitter(8, ratio_range=ratio_range)


@pytest.mark.parametrize('key', ['lazy', 'keypoint'])
def test_what_it_cannot_transform_is_refused(key):
    with pytest.raises(ValueError, match=f"cannot transform '{key}'"):
        ScaleJitter(8)({**_results(8, 8, [[0, 0, 4, 4]]), key: {}})
