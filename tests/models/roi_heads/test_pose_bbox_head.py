from __future__ import annotations

import math

import pytest
import torch
from mmengine.config import ConfigDict
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from mmlt.models.roi_heads import LongTailBBoxHead, PoseBBoxHead

NUM_CLASSES = 7  # column 0 and six classes
POSES = [1, 3, 4]
LABEL_MAP = ''.join(
    f'label {{name: "class {i}" label_id: {i} label_type: {kind}}}\n'
    for i, kind in enumerate(
        ['PERSON_MOVEMENT', 'OBJECT_MANIPULATION', 'PERSON_MOVEMENT', 'PERSON_MOVEMENT']
        + ['PERSON_INTERACTION', 'OBJECT_MANIPULATION', 'PERSON_MOVEMENT'],
        start=1,
    )
)
# (pose, others): one pose, one pose, none, two poses, none at all
LABELS = torch.tensor(
    [
        [0.0, 1, 0, 0, 0, 1, 0],
        [0.0, 0, 1, 1, 0, 0, 0],
        [0.0, 0, 0, 0, 0, 1, 1],
        [0.0, 0, 0, 1, 1, 0, 0],
        [0.0, 0, 0, 0, 0, 0, 0],
    ]
)
LOGITS = 2 * torch.randn(5, NUM_CLASSES, generator=torch.Generator().manual_seed(0))


def _head(**options):
    options = {'pose_ids': POSES, 'num_classes': NUM_CLASSES, 'in_channels': 4, **options}
    return PoseBBoxHead(True, topk=(), **options)


def _loss(head, logits=LOGITS, labels=LABELS):
    class Sampled:
        pos_gt_labels = labels
        pos_priors, neg_priors = torch.zeros(len(labels), 4), torch.zeros(0, 4)

    losses = head.loss_and_target(logits, None, [Sampled()], ConfigDict(pos_weight=1))
    return losses['loss_bbox']['loss_action_cls']


def _predict(head, logits=LOGITS):
    rois = torch.rand(len(logits), 5)
    (found,) = head.predict_by_feat((rois,), (logits,), [dict(img_shape=(10, 10))])
    return found.scores


def test_by_hand_without_focal():
    logits = torch.zeros(2, NUM_CLASSES)
    logits[0, 1] = math.log(2)  # softmax over three poses: 2/4, 1/4, 1/4
    labels = torch.zeros(2, NUM_CLASSES)
    labels[0, 1] = labels[1, 5] = 1  # box 1 has no pose
    # poses: ln 2 of the one box that has one; the rest: 3 classes at sigmoid 1/2, in both boxes
    of_poses, of_rest = math.log(2), 3 * math.log(2)
    assert _loss(_head(gamma=0), logits, labels).item() == pytest.approx(of_poses + of_rest)
    assert _loss(_head(gamma=0, pose_weight=0), logits, labels).item() == pytest.approx(of_rest)


def test_against_torchs_losses_without_focal():
    labelled = LABELS[:4]
    poses = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5]])
    of_poses = cross_entropy(LOGITS[[0, 1, 3]][:, POSES], poses)
    rest = [2, 5, 6]
    of_rest = 3 * binary_cross_entropy_with_logits(LOGITS[:4][:, rest], labelled[:, rest])
    found = _loss(_head(gamma=0, pose_weight=3))
    assert found.item() == pytest.approx((3 * of_poses + of_rest).item(), rel=1e-6)


def test_focal_fades_both_terms():
    sure = torch.full((1, NUM_CLASSES), -8.0)
    labels = torch.tensor([[0.0, 0, 0, 1, 0, 1, 0]])
    sure[0, [3, 5]] = 8
    assert 0 < _loss(_head(gamma=2), sure, labels) < 1e-4 * _loss(_head(gamma=0), sure, labels)


def test_without_poses_it_is_the_head_without_softmax():
    loss = dict(type='mmlt.FocalLoss', reduction='batchmean')
    plain = LongTailBBoxHead(True, num_classes=NUM_CLASSES, in_channels=4, topk=(), loss_cls=loss)
    switched_off = _head(pose_ids=())
    assert torch.equal(_loss(switched_off), _loss(plain))
    assert torch.equal(_predict(switched_off), _predict(plain))


@pytest.mark.parametrize('size', [1, 30, 1000])
def test_scores_are_softmax_and_sigmoid_side_by_side(size):
    logits = size * LOGITS
    scores = _predict(_head(), logits)
    expected = logits.double().sigmoid()
    expected[:, POSES] = logits[:, POSES].double().softmax(dim=1)
    torch.testing.assert_close(scores.double(), expected, rtol=1e-5, atol=1e-30)
    assert scores.shape == (5, NUM_CLASSES)


def test_no_box_has_no_score():
    assert _predict(_head(), LOGITS[:0]).shape == (0, NUM_CLASSES)


def test_logged_accuracies_are_of_the_scores():
    # by its sigmoid pose 1 of box 0 is not predicted, by its softmax it is
    logits = torch.full((1, NUM_CLASSES), -5.0)
    logits[0, 1] = -1
    logits[0, 5] = 3
    head, seen = _head(), {}
    head.topk_accuracy = lambda logits, targets, thr: (
        seen.update(scores=logits.sigmoid()) or (0, 0, [], [])
    )
    _loss(head, logits, LABELS[:1])
    assert seen['scores'][0, [0, 2, 3]].sum().item() == pytest.approx(1)
    assert seen['scores'][0, 0] > 0.9


def test_poses_are_found_under_custom_classes(tmp_path):
    """Columns are 1 to 4 of the class ids 2, 3, 4 and 7."""
    path = tmp_path / 'list.pbtxt'
    path.write_text(LABEL_MAP)
    class_ids = (2, 3, 4, 7)
    by_type = _head(pose_ids=None, label_file=str(path), num_classes=5, class_ids=class_ids)
    given = _head(pose_ids=(7, 3, 4), num_classes=5, class_ids=class_ids)
    logits, labels = LOGITS[:, :5], LABELS[:, [0, 2, 3, 4, 1]]
    for head in (by_type, given):
        poses = _predict(head, logits)[:, [2, 3, 4]]
        torch.testing.assert_close(poses.sum(dim=1), torch.ones(5))
    assert torch.equal(_loss(by_type, logits, labels), _loss(given, logits, labels))


def test_fewer_columns_than_listed_classes_must_be_named(tmp_path):
    """Under custom_classes column 3 need not be class 3."""
    path = tmp_path / 'list.pbtxt'
    path.write_text(LABEL_MAP)
    with pytest.raises(ValueError, match=r'has class 7, the columns end with 6: give class_ids'):
        _head(pose_ids=None, label_file=str(path))
    whole = _head(pose_ids=None, label_file=str(path), num_classes=8)
    assert whole.pose_columns.tolist() == [0, 2, 3, 6]


def test_a_loss_that_needs_counts_is_given_those_of_the_other_classes(tmp_path):
    counts = tmp_path / 'counts.json'
    classes = ', '.join(f'{{"id": {i}, "name": "c{i}", "count": {10 * i}}}' for i in range(1, 7))
    counts.write_text(f'{{"source": "hand", "unit": "boxes", "classes": [{classes}]}}')
    loss = dict(type='mmlt.ClassBalancedLoss', class_counts=str(counts))
    head = _head(loss_cls=loss)
    assert head.loss_cls.class_counts.tolist() == [20, 50, 60]
    assert torch.isfinite(_loss(head))


@pytest.mark.parametrize('labels', [LABELS[4:], LABELS[:0], LABELS[2:3]], ids=len)
def test_boxes_without_a_pose_or_a_label(labels):
    logits = LOGITS[: len(labels)].clone().requires_grad_()
    loss = _loss(_head(), logits, labels)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()
    assert logits.grad[:, POSES].abs().sum() == 0  # masked out of the poses' term


def test_finite_in_bfloat16():
    head = _head()
    logits = (40 * LOGITS).bfloat16().requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = _loss(head, logits)
    loss.backward()
    assert loss.dtype == torch.float32 and torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(_predict(head, logits.detach())).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(pose_ids=[0, 1]), 'pose_ids: class 0 has no column; the columns are of 1, 2, 3'),
        (dict(pose_ids=[1, 9]), 'pose_ids: class 9 has no column'),
        (dict(pose_ids=[2]), r'pose_ids: \[2\] alone: a softmax over one class is always 1'),
        (dict(pose_ids=range(1, 7)), 'every class is a pose'),
        (dict(pose_ids=None), 'pose_ids=None, label_file=None: give one of them'),
        (dict(label_file='x.pbtxt'), "label_file='x.pbtxt': give one of them"),
        (dict(trained_groups=('head',), split_file='x'), r"trained_groups=\('head',\)"),
        (dict(gamma=-1), 'gamma'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        _head(**options)


def test_a_label_map_without_poses_is_refused(tmp_path):
    path = tmp_path / 'list.pbtxt'
    path.write_text(LABEL_MAP)
    with pytest.raises(ValueError, match=r'list\.pbtxt: no column is of label_type PERSON_MOVE'):
        _head(pose_ids=None, label_file=str(path), num_classes=3, class_ids=(2, 5))
