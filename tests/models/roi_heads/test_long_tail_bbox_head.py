from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope

import mmlt
from mmlt.models.roi_heads import LongTailBBoxHead
from mmlt.weights_only import load_weights_only


@pytest.fixture(autouse=True)
def _scope_of_detectors():
    """Whatever scope a test before has left behind."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


ROOT = Path(mmlt.__file__).parents[1]
NUM_CLASSES = 6  # 5 classes and the background
TRAIN_CFG = ConfigDict(pos_weight=1)
SPLIT = {'head': [1, 4], 'medium': [2], 'tail': [3, 5]}
ROWS = [[0, 1, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1], [0, 1, 0, 0, 1, 0]]


class _SampledBoxes:
    """An mmdet sampling result, as far as the head reads it."""

    def __init__(self, labels, num_negatives=0):
        self.pos_gt_labels = torch.tensor(labels, dtype=torch.float32).reshape(-1, NUM_CLASSES)
        self.pos_priors = torch.zeros(len(self.pos_gt_labels), 4)
        self.neg_priors = torch.zeros(num_negatives, 4)


def _head(**options):
    options = {'background_class': True, 'num_classes': NUM_CLASSES, 'in_channels': 7, **options}
    return LongTailBBoxHead(**options)


def _losses(head, logits, labels, num_negatives=0):
    sampled = [_SampledBoxes(labels, num_negatives)]
    return head.loss_and_target(logits, None, sampled, TRAIN_CFG)['loss_bbox']


@pytest.fixture
def split_file(tmp_path):
    path = tmp_path / 'split.json'
    path.write_text(json.dumps(SPLIT))
    return str(path)


def test_hand_computed_head_only(split_file):
    head = _head(split_file=split_file, trained_groups=('head',))
    logits = torch.zeros(4, NUM_CLASSES)
    logits[0, 1] = math.log(3)  # sigmoid .75, and class 1 is there: -ln .75
    logits[:, [0, 2, 3, 5]] = 100.0  # not trained
    logits[1] = 50.0  # a box without a head label
    expected = (-math.log(0.75) + 5 * math.log(2)) / 6  # boxes 0, 2, 3; columns 1, 4
    assert _losses(head, logits, ROWS)['loss_action_cls'].item() == pytest.approx(expected)


@pytest.mark.parametrize('focal', [{}, {'focal_gamma': 2.0, 'focal_alpha': 0.25}])
@pytest.mark.parametrize('num_negatives', [0, 3])
@pytest.mark.parametrize('background_class', [True, False])
def test_equal_to_mmaction_without_a_split(focal, num_negatives, background_class):
    options = {'background_class': background_class, 'num_classes': NUM_CLASSES, **focal}
    reference = MMDET_MODELS.build({'type': 'BBoxHeadAVA', **options})
    head = _head(**options)
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(50, NUM_CLASSES, generator=generator) < 0.2).int().tolist()
    logits = 3 * torch.randn(50 + num_negatives, NUM_CLASSES, generator=generator)
    expected = _losses(reference, logits, labels, num_negatives)
    losses = _losses(head, logits, labels, num_negatives)
    assert losses.keys() == expected.keys()
    for key, value in expected.items():
        if focal and key == 'loss_action_cls':  # another order of the same products
            torch.testing.assert_close(losses[key], value)
        else:
            assert torch.equal(losses[key], value), key


def test_equal_gradient_to_mmaction_without_a_split():
    reference = MMDET_MODELS.build({'type': 'BBoxHeadAVA', 'background_class': True})
    head = LongTailBBoxHead(background_class=True)
    logits = torch.randn(8, 81, generator=torch.Generator().manual_seed(0))
    labels = torch.eye(81)[torch.arange(8)]  # the first box has the background alone
    gradients = []
    for each in (reference, head):
        leaf = logits.clone().requires_grad_()
        sampled = _SampledBoxes([[0] * NUM_CLASSES])
        sampled.pos_gt_labels, sampled.pos_priors = labels, torch.zeros(8, 4)
        losses = each.loss_and_target(leaf, None, [sampled], TRAIN_CFG)['loss_bbox']
        losses['loss_action_cls'].backward()
        gradients.append(leaf.grad)
    assert torch.equal(*gradients)


def test_any_loss_is_the_mean_over_trained_boxes_and_columns(split_file):
    """The loss of the trained columns alone, as if there were no others."""
    loss_cls = {'type': 'mmlt.FocalLoss', 'gamma': 2.0}
    head = _head(split_file=split_file, trained_groups=['tail', 'medium'], loss_cls=loss_cls)
    logits = torch.randn(4, NUM_CLASSES, generator=torch.Generator().manual_seed(0))
    columns, rows = [2, 3, 5], [0, 1, 2]
    targets = torch.tensor(ROWS).float()
    expected = head.loss_cls(logits[rows][:, columns], targets[rows][:, columns])
    torch.testing.assert_close(_losses(head, logits, ROWS)['loss_action_cls'], expected)


def test_all_groups_trained_is_no_split(split_file):
    logits = torch.randn(4, NUM_CLASSES, generator=torch.Generator().manual_seed(0))
    expected = _losses(_head(), logits, ROWS)['loss_action_cls']
    for groups in (None, ('head', 'medium', 'tail')):
        head = _head(split_file=split_file, trained_groups=groups)
        assert torch.equal(_losses(head, logits, ROWS)['loss_action_cls'], expected)


def test_untrained_columns_and_boxes_get_no_gradient(split_file):
    head = _head(split_file=split_file, trained_groups=('head',))
    features = torch.randn(4, 7, 1, 1, 1, requires_grad=True)
    _losses(head, head(features), ROWS)['loss_action_cls'].backward()
    has_gradient = head.fc_cls.weight.grad.abs().sum(dim=1) > 0
    assert has_gradient.tolist() == [False, True, False, False, True, False]
    assert (head.fc_cls.bias.grad != 0).tolist() == has_gradient.tolist()
    assert (features.grad.flatten(1).abs().sum(dim=1) > 0).tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    'labels', [[], [ROWS[1]], [[1, 0, 0, 0, 0, 0]]], ids=['no box', 'a tail box', 'no label']
)
def test_batch_without_a_trained_box(split_file, labels):
    head = _head(split_file=split_file, trained_groups=('head',))
    losses = _losses(head, head(torch.randn(len(labels) + 1, 7, 1, 1, 1)), labels, 1)
    assert losses['loss_action_cls'].item() == 0
    assert not any(torch.isnan(value) for value in losses.values())
    assert ('prec@top3' in losses) == (
        labels == [ROWS[1]]
    )  # recall and precision of labelled boxes
    losses['loss_action_cls'].backward()
    for parameter in head.parameters():
        assert torch.equal(parameter.grad, torch.zeros_like(parameter))


def test_column_order_is_that_of_class_ids(tmp_path):
    path = tmp_path / 'split.json'
    path.write_text(json.dumps({'head': [80, 3], 'tail': [17, 5, 9]}))
    head = _head(
        split_file=str(path), trained_groups=('head',), class_ids=(17, 80, 5, 3, 9), topk=None
    )
    assert head.is_trained.tolist() == [False, True, False, True, False]
    assert 'is_trained' not in head.state_dict()


def test_counts_file_is_read_for_the_ids_of_the_columns(tmp_path):
    counts = [{'id': i, 'name': str(i), 'count': 10 * i} for i in (7, 1, 2, 3, 4, 5)]
    path = tmp_path / 'counts.json'
    path.write_text(json.dumps({'classes': counts}))
    loss_cls = {'type': 'mmlt.ClassBalancedLoss', 'class_counts': str(path)}
    assert _head(loss_cls=loss_cls).loss_cls.class_counts.tolist() == [10, 20, 30, 40, 50]
    own = _head(loss_cls=loss_cls, class_ids=(5, 1, 2, 7, 4)).loss_cls
    assert own.class_counts.tolist() == [50, 10, 20, 70, 40]


def test_a_loss_splits_the_classes_of_the_columns(split_file):
    loss_cls = {'type': 'mmlt.EqualizationLoss', 'split_file': split_file}
    tail_mask = _head(loss_cls=loss_cls).loss_cls.tail_mask
    assert tail_mask.tolist() == [False, False, True, False, True]  # classes 3 and 5
    own = _head(loss_cls=loss_cls, class_ids=(5, 1, 2, 3, 4)).loss_cls
    assert own.tail_mask.tolist() == [True, False, False, True, False]


@pytest.mark.parametrize('mlp_head', [False, True])
def test_zero_init_classifier(mlp_head):
    head = _head(zero_init_classifier=True, mlp_head=mlp_head)
    for _ in range(2):  # as built, and after init_weights
        features = torch.randn(3, 7, 1, 1, 1)
        assert torch.equal(head(features), torch.zeros(3, NUM_CLASSES))
        if mlp_head:
            assert head.fc_cls[0].weight.abs().sum() > 0
        head.init_weights()
    default = _head()
    default.init_weights()
    assert default.fc_cls.weight.abs().sum() > 0


def test_built_under_the_scope_of_mmdet(split_file):
    config = Config.fromfile(ROOT / 'configs' / '_base_' / 'models' / 'slowonly_toy.py').model
    classes = list(range(1, config.roi_head.bbox_head.num_classes))
    split_file = Path(split_file).with_name('toy_split.json')
    split_file.write_text(json.dumps({'head': classes[:5], 'tail': classes[5:]}))
    config.roi_head.bbox_head.update(
        type='mmlt.LongTailBBoxHead',
        loss_cls={'type': 'mmlt.BCELoss', 'loss_weight': 2.0},
        split_file=str(split_file),
        trained_groups=['head'],
    )
    head = MODELS.build(config).roi_head.bbox_head
    assert isinstance(head, LongTailBBoxHead)
    assert head.loss_cls.loss_weight == 2.0
    assert head.is_trained.sum() == 5


@pytest.mark.dist
def test_two_ranks_of_which_one_has_no_trained_box(two_ranks, tmp_path, split_file):
    two_ranks.run(Path(__file__).with_name('two_rank_head.py'), split_file, tmp_path)
    saved = [load_weights_only(tmp_path / f'rank{rank}.pth') for rank in (0, 1)]
    for first, second in zip(*saved):  # of a plain loss, and of one that gathers over ranks
        assert first['loss'] > 0
        assert second['loss'] == 0
        for name, gradient in first['gradients'].items():
            assert torch.equal(gradient, second['gradients'][name]), name
    plain, gathering = saved[0]
    for name, gradient in plain['gradients'].items():
        # DDP takes the mean over the ranks, and the other rank's gradient is zero
        torch.testing.assert_close(gradient, plain['own'][name] / 2)
    for name, value in gathering['state'].items():
        assert torch.equal(value, saved[1][1]['state'][name])
        assert (value > 0).tolist() == [True, False, False, True, False]  # trained columns only


def _split(tmp_path, **groups):
    path = tmp_path / 'split.json'
    path.write_text(json.dumps({**SPLIT, **groups}))
    return str(path)


@pytest.mark.parametrize(
    ('groups', 'message'),
    [
        ({'tail': [3]}, r'split\.json: class 5 left out'),
        ({'tail': [3, 5, 6]}, r'split\.json: tail\[2\]: unknown class 6'),
        ({'tail': [3, 5, 0]}, r'split\.json: tail\[2\]: unknown class 0'),
        ({'tail': [3, 5, 1]}, r'split\.json: tail\[2\]: class 1 repeated, first in head'),
    ],
)
def test_bad_split_file(tmp_path, groups, message):
    with pytest.raises(ValueError, match=message):
        _head(split_file=_split(tmp_path, **groups), trained_groups=('head',))


def test_bad_groups(tmp_path, split_file):
    with pytest.raises(ValueError, match=r"split\.json has no group 'rare', only head, medium"):
        _head(split_file=split_file, trained_groups=('rare',))
    with pytest.raises(ValueError, match=r"trained_groups must be a list, got 'head'"):
        _head(split_file=split_file, trained_groups='head')
    with pytest.raises(ValueError, match=r'trained_groups is empty'):
        _head(split_file=split_file, trained_groups=())
    with pytest.raises(ValueError, match=r"trained_groups=\('head',\) needs a split_file"):
        _head(trained_groups=('head',))
    empty = _split(tmp_path, head=[], tail=[3, 5, 1, 4])
    with pytest.raises(ValueError, match=r"group 'head' of .*split\.json is empty"):
        _head(split_file=empty, trained_groups=('head',))


def test_bad_options():
    with pytest.raises(ValueError, match=r'class_ids names 2 classes and num_classes=6 makes 5'):
        _head(class_ids=(1, 2))
    with pytest.raises(ValueError, match='multilabel=False'):
        _head(multilabel=False)
    with pytest.raises(ValueError, match=r'focal_gamma=2.0, focal_alpha=1.0: give them to'):
        _head(focal_gamma=2.0, loss_cls={'type': 'mmlt.BCELoss'})


@pytest.mark.parametrize('name', ['DistributionBalancedLoss', 'LogitAdjustedLoss', 'BCELoss'])
def test_built_on_the_meta_device(split_file, name):
    loss_cls = {'type': f'mmlt.{name}'}
    if name != 'BCELoss':
        loss_cls['class_counts'] = [9, 4, 3, 2, 1]
    with torch.device('meta'):
        head = _head(
            split_file=split_file,
            trained_groups=('head',),
            loss_cls=loss_cls,
            zero_init_classifier=True,
        )
    assert head.fc_cls.weight.is_meta


def test_logits_in_half_precision(split_file):
    head = _head(split_file=split_file, trained_groups=('head',))
    logits = torch.zeros(4, NUM_CLASSES, dtype=torch.bfloat16)
    loss = _losses(head, logits, ROWS)['loss_action_cls']
    assert loss.item() == pytest.approx(math.log(2))


def test_labels_of_another_number_of_classes():
    labels = torch.zeros(2, NUM_CLASSES)  # of the dataset; the head has five classes more
    head = _head(num_classes=NUM_CLASSES + 5)
    wide = NUM_CLASSES + 5
    message = rf'num_classes={wide} .* {wide} columns, the labels have {NUM_CLASSES}:'
    with pytest.raises(ValueError, match=message):
        _losses(head, torch.zeros(2, NUM_CLASSES + 5), labels.tolist())
