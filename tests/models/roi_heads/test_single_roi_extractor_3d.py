from __future__ import annotations

import numpy as np
import pytest
import torch
from mmaction.models.roi_heads.roi_extractors import SingleRoIExtractor3D as Stock
from mmaction.utils import register_all_modules
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import DefaultScope

from mmlt.models.roi_heads import SingleRoIExtractor3D

ROIS = torch.tensor(
    [[0.0, 3.0, 5.0, 40.0, 30.0], [1.0, 0.0, 0.0, 64.0, 48.0], [1.0, 17.0, 9.0, 29.0, 47.0]]
)


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


def _features(height, width):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 4, height, width, generator=generator)


def _bilinear(plane, y, x):
    """The value of (H, W) at (y, x), with cell (i, j) centred at (i, j)."""
    y, x = (min(max(value, 0.0), size - 1.0) for value, size in zip((y, x), plane.shape))
    top, left = int(y), int(x)
    bottom, right = (min(index + 1, size - 1) for index, size in zip((top, left), plane.shape))
    above = plane[top, left] * (1 - x + left) + plane[top, right] * (x - left)
    below = plane[bottom, left] * (1 - x + left) + plane[bottom, right] * (x - left)
    return above * (1 - y + top) + below * (y - top)


def _roi_align(features, roi, strides, bins, samples):
    """RoIAlign of one box on each map of a clip, by its definition: (C, T, bins, bins)."""
    maps = features[int(roi[0])].double().numpy()
    (height, width), (x1, y1, x2, y2) = strides, roi[1:].tolist()
    # half a cell: pixel 0 is the corner of cell 0, whose value stands at its centre
    ys = np.linspace(y1, y2, 2 * bins * samples + 1)[1::2] / height - 0.5
    xs = np.linspace(x1, x2, 2 * bins * samples + 1)[1::2] / width - 0.5
    values = np.array(
        [
            [[[_bilinear(plane, y, x) for x in xs] for y in ys] for plane in channel]
            for channel in maps
        ]
    )
    split = values.reshape(*values.shape[:2], bins, samples, bins, samples)
    return split.mean(axis=(3, 5))


def _extractor(strides, **options):
    options = dict(output_size=2, sampling_ratio=2, with_temporal_pool=True, **options)
    return SingleRoIExtractor3D(featmap_stride=strides, **options)


@pytest.mark.parametrize('strides', [(8, 8), (8, 16), (16, 4)])
def test_boxes_lie_on_their_cells(strides):
    features = _features(48 // strides[0], 64 // strides[1])
    pooled, _ = _extractor(strides)(features, ROIS)
    expected = [_roi_align(features, roi, strides, 2, 2).mean(axis=1) for roi in ROIS]
    np.testing.assert_allclose(pooled[:, :, 0].numpy(), expected, rtol=1e-5)


def test_where_one_cell_alone_is_lit():
    # cells of 8 x 16 pixels; cell (2, 1) is y 16 to 24, x 16 to 32
    features = torch.zeros(1, 1, 1, 6, 4)
    features[0, 0, 0, 2, 1] = 1.0
    inside = torch.tensor([[0.0, 24.0, 20.0, 24.0, 20.0]])  # its centre, a box without area
    assert _extractor((8, 16))(features, inside)[0].flatten().tolist() == [1.0] * 4
    wrong = Stock(featmap_stride=8, output_size=2, sampling_ratio=2)
    assert wrong(features, inside)[0].sum() == 0  # one stride for both reads another cell


@pytest.mark.parametrize('stride', [8, (8, 8)])
def test_equal_strides_are_those_of_mmaction2(stride):
    features = _features(6, 8)
    options = dict(output_size=3, sampling_ratio=0, with_global=True)
    ours, maps = SingleRoIExtractor3D(featmap_stride=stride, **options)(features, ROIS)
    theirs, expected = Stock(featmap_stride=8, **options)(features, ROIS)
    assert torch.equal(ours, theirs) and torch.equal(maps, expected)


@pytest.mark.parametrize('pool', ['max', 'avg'])
def test_the_tube_is_pooled_over_time_then_over_space(pool):
    features = _features(6, 4)
    head = MMDET_MODELS.build(
        dict(
            type='mmdet.BBoxHeadAVA',
            background_class=True,
            in_channels=3,
            num_classes=3,
            topk=(),
            spatial_pool_type=pool,
        )
    )
    head.fc_cls = torch.nn.Identity()
    over_space = dict(max=np.max, avg=np.mean)[pool]
    expected = [
        over_space(_roi_align(features, roi, (8, 16), 2, 2).mean(axis=1), axis=(1, 2))
        for roi in ROIS
    ]
    for with_temporal_pool in (True, False):  # by the extractor or by the head
        options = dict(output_size=2, sampling_ratio=2, with_temporal_pool=with_temporal_pool)
        pooled, _ = SingleRoIExtractor3D(featmap_stride=(8, 16), **options)(features, ROIS)
        np.testing.assert_allclose(head(pooled).numpy(), expected, rtol=1e-5)


def test_built_inside_mmdets_head():
    config = dict(
        type='mmlt.JitteredAVARoIHead',
        bbox_roi_extractor=dict(type='mmlt.SingleRoIExtractor3D', featmap_stride=(8, 16)),
        bbox_head=dict(type='BBoxHeadAVA', background_class=True, in_channels=3),
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        head = MMDET_MODELS.build(config)
    assert head.bbox_roi_extractor.featmap_stride == (8, 16)


@pytest.mark.parametrize('stride', [0, (8,), (8, 8, 8), (8, 0.5), 'a'])
def test_bad_strides(stride):
    with pytest.raises(ValueError, match=r'featmap_stride(\[\d\])? must be'):
        SingleRoIExtractor3D(featmap_stride=stride)
