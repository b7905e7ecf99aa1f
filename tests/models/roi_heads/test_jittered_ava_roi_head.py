from __future__ import annotations

import copy

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmaction.utils import register_all_modules
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

SHAPE = (40, 64)  # H, W of the picture
PERSONS = torch.tensor([[4.0, 4.0, 28.0, 36.0], [36.0, 4.0, 60.0, 36.0]])
LABELS = torch.tensor([[0.0, 1, 0], [0.0, 0, 1]])


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


def _roi_head(add_gt_as_proposals=False, threshold=0.5, **options):
    torch.manual_seed(3)
    assigner = dict(type='MaxIoUAssignerAVA', pos_iou_thr=threshold, neg_iou_thr=threshold)
    sampler = dict(type='RandomSampler', num=32, pos_fraction=1, neg_pos_ub=-1)
    config = dict(
        type='mmlt.JitteredAVARoIHead',
        bbox_roi_extractor=dict(type='SingleRoIExtractor3D', featmap_stride=8, output_size=2),
        bbox_head=dict(
            type='mmlt.LongTailBBoxHead',
            background_class=True,
            in_channels=5,
            num_classes=3,
            topk=(),
        ),
        train_cfg=dict(
            assigner=dict(assigner, min_pos_iou=threshold),
            sampler=dict(sampler, add_gt_as_proposals=add_gt_as_proposals),
            pos_weight=1.0,
        ),
        test_cfg=None,
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MMDET_MODELS.build(ConfigDict({**config, **options}))


class _Spy(torch.nn.Module):
    """Remembers the RoIs that are pooled."""

    def __init__(self, extractor):
        super().__init__()
        self.extractor = extractor
        self.rois = []

    def forward(self, feat, rois):
        self.rois.append(rois.clone())
        return self.extractor(feat, rois)


def _features(batch=2):
    return torch.rand(batch, 5, 2, 5, 8, generator=torch.Generator().manual_seed(0))


def _samples(proposals=PERSONS, batch=2):
    samples = []
    for _ in range(batch):
        sample = ActionDataSample(metainfo=dict(img_shape=SHAPE, img_key='v,0902'))
        sample.gt_instances = InstanceData(bboxes=PERSONS.clone(), labels=LABELS.clone())
        sample.proposals = InstanceData(bboxes=proposals.clone())
        samples.append(sample)
    return samples


def _loss(head, proposals=PERSONS, seed=0):
    """The losses, the pooled RoIs and the targets of the loss."""
    head.bbox_roi_extractor = _Spy(head.bbox_roi_extractor)
    targets = []
    original = head.bbox_head.get_targets
    head.bbox_head.get_targets = lambda *args: targets.append(original(*args)) or targets[-1]
    samples = _samples(proposals)
    torch.manual_seed(seed)
    losses = head.loss(_features(), [sample.proposals for sample in samples], samples)
    return losses, head.bbox_roi_extractor.rois[0], targets[0][0]


def _moved(rois, boxes=PERSONS):
    return rois[:, 1:] - boxes.repeat(2, 1)


def test_rois_move_and_labels_stay():
    plain, rois, labels = _loss(_roi_head(box_jitter=0))
    assert torch.equal(_moved(rois), torch.zeros(4, 4))  # only detections, none is added
    losses, jittered, jittered_labels = _loss(_roi_head())
    assert torch.equal(jittered_labels, labels) and labels.tolist() == LABELS.tolist() * 2
    shares = _moved(jittered).abs() / torch.tensor([24.0, 32.0, 24.0, 32.0])
    assert (shares > 0).all() and (shares <= 0.15 + 1e-6).all()
    assert len(shares.unique()) > 8  # each side of each box of each clip on its own
    assert losses['loss_action_cls'] != plain['loss_action_cls']
    assert jittered[:, 0].tolist() == [0, 0, 1, 1]


def test_without_jitter_it_is_mmactions_head_bit_for_bit():
    ours = _loss(_roi_head(box_jitter=0))[0]
    theirs = _loss(_roi_head(type='AVARoIHead'))[0]
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_detections_are_assigned_as_they_were_detected():
    # by half a width beside: an IoU of 1/3 is nobody's, a quarter (.6) is; jitter decides nothing
    proposals = PERSONS + torch.tensor([[12.0, 0, 12, 0], [-6.0, 0, -6, 0]])
    for seed in range(5):
        _, rois, labels = _loss(_roi_head(box_jitter=0.5), proposals, seed)
        assert labels.tolist() == [[0, 0, 1], [0, 0, 0]] * 2
        assert len(rois) == 4


def test_jitter_before_the_assignment_would_leave_few_of_them():
    generator = torch.Generator().manual_seed(0)
    from mmdet.structures.bbox import bbox_overlaps

    from mmlt.functional import jitter_boxes

    boxes = torch.tensor([[400.0, 300.0, 600.0, 700.0]]).expand(10000, 4)
    uniform = torch.rand(boxes.shape, generator=generator)
    jittered = jitter_boxes(boxes, ratio=0.15, image_size=(1000, 1000), uniform=uniform)
    overlaps = bbox_overlaps(jittered, boxes[:1])[:, 0]
    assert (overlaps >= 0.9).float().mean() < 0.05 and (overlaps >= 0.5).float().mean() > 0.99


def test_none_is_jittered_in_test_mode():
    head = _roi_head().eval()
    _, rois, _ = _loss(head)
    assert torch.equal(_moved(rois), torch.zeros(4, 4))
    (sample,) = _samples(batch=1)
    state = torch.get_rng_state()
    predicted = head.predict(_features(1), [sample.proposals], [sample])[0]
    assert torch.equal(torch.get_rng_state(), state)
    expected = PERSONS / torch.tensor([64.0, 40.0, 64.0, 40.0])
    torch.testing.assert_close(predicted.bboxes, expected)


def test_draws_are_those_of_the_global_generator():
    first, again, other = (_loss(_roi_head(), seed=seed)[1] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_boxes_stay_within_the_picture():
    whole = torch.tensor([[0.0, 0.0, 64.0, 40.0], [0.0, 0.0, 64.0, 40.0]])
    for seed in range(5):
        _, rois, _ = _loss(_roi_head(box_jitter=0.5), whole, seed)
        assert (rois >= 0).all() and (rois[:, 3] <= 64).all() and (rois[:, 4] <= 40).all()


def test_clips_without_a_detection_train_and_test():
    head = _roi_head()
    losses, rois, _ = _loss(head, torch.zeros(0, 4))
    assert len(rois) == 0 and losses['loss_action_cls'].item() == 0
    losses['loss_action_cls'].backward()
    assert all(parameter.grad is not None for parameter in head.parameters())
    (sample,) = _samples(torch.zeros(0, 4), batch=1)
    head = _roi_head().eval()
    predicted = head.predict(_features(1), [sample.proposals], [sample])[0]
    assert predicted.bboxes.shape == (0, 4) and predicted.scores.shape == (0, 3)


def test_built_inside_mmdets_detector_and_bad_ratios():
    from mmlt.models.roi_heads import JitteredAVARoIHead

    head = _roi_head()
    assert isinstance(head, JitteredAVARoIHead) and head.box_jitter == 0.15
    assert copy.deepcopy(head).box_jitter == 0.15
    with pytest.raises(ValueError, match=r'box_jitter must be a number in \[0, 0.5\], got 0.6'):
        _roi_head(box_jitter=0.6)
