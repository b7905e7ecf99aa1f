"""Scores are the mean over views, each seen through mmaction2's own transforms and box head."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmaction.models.roi_heads.bbox_heads import BBoxHeadAVA
from mmaction.structures import ActionDataSample
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import BaseDataElement, InstanceData

from mmlt.models.ava_test_time_aug import AVATestTimeAug

HEIGHT, WIDTH = 8, 16
PERSON = [2.0, 2.0, 6.0, 6.0]  # x1, y1, x2, y2 in pixels, lit
LIT, DARK = 0.8, 0.2
META_KEYS = ('img_shape', 'img_key', 'video_id', 'timestamp', 'flip')
NO_FLIP = r"v,0902: view 1 has no 'flip' in its metainfo, .* write dict\(type='PackActionInputs', "


class Detector(BaseModel):
    """Scores: 0 unused, 1 the brightness within the box, 2 that of the left half of the frame."""

    def __init__(self):
        preprocessor = dict(type='mmaction.ActionDataPreprocessor', format_shape='NCTHW')
        super().__init__(data_preprocessor=preprocessor)
        self.bbox_head = BBoxHeadAVA(True, in_channels=1, num_classes=3, topk=())
        self.views = []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        assert mode == 'predict'
        for clip, sample in zip(inputs, data_samples):
            self.views.append(sample)
            boxes = sample.proposals.bboxes
            rows = [self._see(clip / 255, box) for box in boxes.long().tolist()]
            logits = torch.tensor(rows).reshape(-1, 3).logit()
            rois = torch.cat([torch.zeros(len(boxes), 1), boxes.float()], dim=1)
            sample.pred_instances = self.bbox_head.predict_by_feat(
                (rois,), (logits,), [sample.metainfo]
            )[0]
        return data_samples

    @staticmethod
    def _see(clip, box):
        x1, y1, x2, y2 = box
        within = clip[..., y1:y2, x1:x2].mean().item()
        return [0.5, within, clip[..., : clip.shape[-1] // 2].mean().item()]


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def _keyframe(boxes=(PERSON,), timestamp=902):
    """What a dataset and a decoder give: two frames, dark but for the person."""
    frame = np.full((HEIGHT, WIDTH, 3), DARK * 255, dtype=np.uint8)
    frame[2:6, 2:6] = LIT * 255
    boxes = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    return dict(
        imgs=[frame.copy(), frame.copy()],
        **dict(img_shape=(HEIGHT, WIDTH), modality='RGB', num_clips=1, clip_len=2),
        **dict(gt_bboxes=boxes, gt_labels=np.ones((len(boxes), 3)), proposals=boxes.copy()),
        **dict(video_id='v', timestamp=timestamp, img_key=f'v,{timestamp:04d}'),
    )


def _batch(flip_ratios=(0, 1), sides=(8, 16), meta_keys=META_KEYS, keyframes=None):
    """The views of a batch, as a test loader gives them."""
    resize = [dict(type='Resize', scale=(-1, side), interpolation='nearest') for side in sides]
    flip = [dict(type='Flip', flip_ratio=ratio) for ratio in flip_ratios]
    shape = dict(type='FormatShape', input_format='NCTHW', collapse=True)
    pack = dict(type='PackActionInputs', meta_keys=meta_keys, algorithm_keys=('long_term',))
    views = dict(type='TestTimeAug', transforms=[resize, flip, [shape], [pack]])
    pipeline = Compose([views])
    return pseudo_collate([pipeline(each) for each in keyframes or [_keyframe()]])


def _model():
    return AVATestTimeAug(Detector())


# ------------------------------------------------------------------------------ hand-computed


@pytest.mark.parametrize('flip_ratios', [(0, 1), (1, 0)])
def test_hand_computed(flip_ratios):
    """16 of the left half's 64 pixels are lit, in the mirror none; the box follows the person."""
    (merged,) = _model().test_step(_batch(flip_ratios))
    unflipped = (16 * LIT + 48 * DARK) / 64
    expected = [0.5, LIT, (unflipped + DARK) / 2]
    assert merged.pred_instances.scores.tolist() == [pytest.approx(expected, abs=1e-6)]
    boxes = [x / size for x, size in zip(PERSON, (WIDTH, HEIGHT, WIDTH, HEIGHT))]
    assert merged.pred_instances.bboxes.tolist() == [boxes]
    assert not merged.flip


def test_boxes_of_a_flipped_view_are_a_pixel_too_far_left_in_mmaction2():
    """Why boxes are those of another view, and why the check of positions allows a pixel."""
    model = _model()
    model.test_step(_batch())
    assert [bool(view.flip) for view in model.module.views] == [False, True, False, True]
    left = [view.pred_instances.bboxes[0, 0].item() for view in model.module.views]
    assert left == [2 / 16, 1 / 16, 4 / 32, 3 / 32]


def _of_one_view(flip_ratio, side):
    """Scores of a test whose own pipeline gives this view."""
    single = {key: list(views[0]) for key, views in _batch((flip_ratio,), (side,)).items()}
    (sample,) = Detector().test_step(single)
    return sample.pred_instances.scores


def test_equals_the_mean_of_single_views():
    (merged,) = _model().test_step(_batch())
    scores = torch.stack([_of_one_view(ratio, side) for side in (8, 16) for ratio in (0, 1)])
    found = merged.pred_instances.scores
    torch.testing.assert_close(found.double(), scores.double().mean(dim=0), rtol=0, atol=1e-6)


def test_one_view_is_what_the_detector_gives():
    (merged,) = _model().test_step(_batch((0,), (16,)))
    assert torch.equal(merged.pred_instances.scores, _of_one_view(0, 16))


# ---------------------------------------------------------------------------- what it returns


def test_other_fields_are_dropped():
    keyframe = _keyframe()
    keyframe['long_term'] = BaseDataElement(features=torch.ones(5, 4))
    batch = _batch(keyframes=[keyframe])
    for view in batch['data_samples']:
        assert view[0].long_term.features.shape == (5, 4)  # the detector can have it
        view[0].set_field(torch.zeros(3, 3), 'clip_feature')
    (merged,) = _model().test_step(batch)
    assert set(merged.keys()) == {'gt_instances', 'proposals', 'pred_instances'}
    assert set(merged.pred_instances.keys()) == {'bboxes', 'scores'}
    assert merged.metainfo == {**merged.metainfo, 'video_id': 'v', 'timestamp': 902}
    assert type(merged) is ActionDataSample
    assert merged.img_shape == (8, 16) and merged.proposals.bboxes.tolist() == [PERSON]


def test_a_keyframe_without_a_box():
    (merged,) = _model().test_step(_batch(keyframes=[_keyframe(boxes=())]))
    assert merged.pred_instances.bboxes.shape == (0, 4)
    assert merged.pred_instances.scores.shape == (0, 3)


def test_each_sample_of_a_batch_is_merged_with_its_own_views():
    keyframes = [_keyframe(), _keyframe([PERSON, [8, 0, 16, 8]], 903)]
    merged = _model().test_step(_batch(keyframes=keyframes))
    assert [sample.timestamp for sample in merged] == [902, 903]
    assert [len(sample.pred_instances.scores) for sample in merged] == [1, 2]
    assert merged[1].pred_instances.scores[1, 1].item() == pytest.approx(DARK, abs=1e-6)


def test_from_a_config():
    model = MODELS.build(dict(type='mmlt.AVATestTimeAug', module=Detector()))
    assert type(model) is AVATestTimeAug


# -------------------------------------------------------------------------------- what it refuses


def _views(*, boxes=((0.25, 0.25, 0.5, 0.5),), flips=(False, True), shifts=None):
    """Predictions of the views of a keyframe, the boxes of view i moved by ``shifts[i]``."""
    views = []
    for number, flip in enumerate(flips):
        moved = torch.tensor(boxes) + torch.tensor((shifts or {}).get(number, [0.0] * 4))
        meta = dict(img_key='v,0902', img_shape=(50, 100), flip=flip)
        view = ActionDataSample(metainfo=meta)
        view.pred_instances = InstanceData(bboxes=moved, scores=torch.full((len(moved), 3), 0.5))
        views.append(view)
    return views


@pytest.mark.parametrize('dx', [-0.01, 0.0, 0.01])
def test_a_pixel_of_a_flipped_view_is_allowed(dx):
    (merged,) = _model().merge_preds([_views(shifts={1: [dx, 0.0, dx, 0.0]})])
    assert merged.pred_instances.bboxes.tolist() == [[0.25, 0.25, 0.5, 0.5]]


@pytest.mark.parametrize(
    ('flip', 'shift'),
    [
        (True, [-0.02, 0.0, -0.02, 0.0]),
        (True, [0.0, 0.01, 0.0, 0.01]),
        (False, [-0.01, 0.0, -0.01, 0.0]),
        (False, [0.0, 0.0, 0.001, 0.0]),
    ],
)
def test_boxes_elsewhere(flip, shift):
    views = _views(flips=(False, flip), shifts={1: shift})
    where = r'v,0902: view 1 has box 0 at \[0\.2.*\], view 0 at \[0\.25, 0\.25, 0\.5, 0\.5\]: '
    with pytest.raises(ValueError, match=where + 'views may differ by Resize and Flip alone'):
        _model().merge_preds([views])


def test_another_order_of_the_boxes():
    views = _views(boxes=[(0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.9, 0.9)])
    views[1].pred_instances = views[1].pred_instances[torch.tensor([1, 0])]
    with pytest.raises(ValueError, match='v,0902: view 1 has box 0 at '):
        _model().merge_preds([views])


def test_another_number_of_boxes():
    views = _views()
    views[1].pred_instances = views[1].pred_instances[:0]
    with pytest.raises(ValueError, match='v,0902: view 1 has 0 boxes, view 0 has 1'):
        _model().merge_preds([views])


def test_no_unflipped_view():
    with pytest.raises(ValueError, match='all 2 views are flipped.*add a Flip with flip_ratio=0'):
        _model().test_step(_batch((1,)))


@pytest.mark.parametrize('number', [0, 1])
def test_a_view_that_does_not_say_whether_it_is_flipped(number):
    batch = _batch()
    view = batch['data_samples'][number][0]
    metainfo = {key: value for key, value in view.metainfo.items() if key != 'flip'}
    batch['data_samples'][number] = [ActionDataSample(metainfo=metainfo)]
    with pytest.raises(ValueError, match=NO_FLIP.replace('view 1', f'view {number}')):
        _model().test_step(batch)


def test_stock_meta_keys_of_mmaction2():
    with pytest.raises(ValueError, match=NO_FLIP.replace('view 1', 'view 0')):
        _model().test_step(_batch(meta_keys=META_KEYS[:-1]))


def test_data_without_views():
    single = {key: list(views[0]) for key, views in _batch().items()}
    with pytest.raises(ValueError, match=r'data_samples\[0\] is a ActionDataSample, not a list'):
        _model().test_step(single)
