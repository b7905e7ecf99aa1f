"""CoFinetuneModel against mmaction2's own Recognizer3D and FastRCNN with the same weights."""

from __future__ import annotations

import copy

import pytest
import torch
from mmaction.registry import MODELS as MMACTION_MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mmlt.registry import MODELS

BACKBONE = {
    'type': 'mmaction.ResNet3dSlowOnly',
    'depth': 18,
    'pretrained': None,
    'pretrained2d': False,
    'lateral': False,
    'base_channels': 8,
    'num_stages': 1,
    'stage_blocks': (1,),
    'out_indices': (0,),
    'conv1_kernel': (1, 3, 3),
    'inflate': (0,),
    'spatial_strides': (1,),
    'temporal_strides': (1,),
    'dilations': (1,),
}
ROI_HEAD = {
    'type': 'AVARoIHead',
    'bbox_roi_extractor': {
        'type': 'SingleRoIExtractor3D',
        'roi_layer_type': 'RoIAlign',
        'output_size': 2,
        'featmap_stride': 4,
        'with_temporal_pool': True,
    },
    'bbox_head': {
        'type': 'BBoxHeadAVA',
        'background_class': True,
        'in_channels': 8,
        'num_classes': 4,
        'multilabel': True,
        'dropout_ratio': 0.0,
        'topk': (3,),
    },
}
RCNN = {
    'assigner': {
        'type': 'MaxIoUAssignerAVA',
        'pos_iou_thr': 0.5,
        'neg_iou_thr': 0.5,
        'min_pos_iou': 0.5,
    },
    'sampler': {
        'type': 'RandomSampler',
        'num': 8,
        'pos_fraction': 1,
        'neg_pos_ub': -1,
        'add_gt_as_proposals': True,
    },
    'pos_weight': 1.0,
}
CLIP_HEAD = {
    'type': 'mmaction.I3DHead',
    'num_classes': 5,
    'in_channels': 8,
    'dropout_ratio': 0.0,
    'average_clips': 'prob',
}
HEADS = {
    'ava': {**ROI_HEAD, 'type': 'mmdet.AVARoIHead', 'train_cfg': RCNN, 'test_cfg': None},
    'clips': CLIP_HEAD,
}
PREPROCESSOR = {
    'type': 'mmaction.ActionDataPreprocessor',
    'mean': [128.0] * 3,
    'std': [64.0] * 3,
    'format_shape': 'NCTHW',
}


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def _build(**options):
    torch.manual_seed(0)
    config = {'backbone': BACKBONE, 'heads': HEADS, 'data_preprocessor': PREPROCESSOR, **options}
    model = MODELS.build({'type': 'mmlt.CoFinetuneModel', **copy.deepcopy(config)})
    model.init_weights()
    return model


@pytest.fixture
def model():
    return _build()


def _clips(name='clips', num=2, num_clips=1):
    samples = []
    for label in range(num):
        sample = ActionDataSample().set_gt_label(label)
        sample.set_metainfo({'dataset_name': name})
        samples.append(sample)
    torch.manual_seed(1)
    shape = (num, num_clips, 3, 4, 16, 16)
    return {'inputs': list(torch.randint(0, 256, shape).float()), 'data_samples': samples}


def _keyframes(name='ava', num=2):
    boxes = torch.tensor([[1.0, 2.0, 9.0, 12.0], [4.0, 4.0, 15.0, 15.0]])
    samples = []
    for number in range(num):
        sample = ActionDataSample()
        labels = torch.tensor([[0.0, 1, 0, 0], [0, 0, 1, 1]])
        sample.gt_instances = InstanceData(bboxes=boxes + number / 4, labels=labels)
        sample.proposals = InstanceData(bboxes=boxes + 0.5)
        sample.set_metainfo({'dataset_name': name, 'img_shape': (16, 16), 'img_key': f'v,{number}'})
        samples.append(sample)
    torch.manual_seed(2)
    inputs = torch.randint(0, 256, (num, 3, 4, 16, 16)).float()
    return {'inputs': list(inputs), 'data_samples': samples}


def _run(model, batch, mode):
    data = model.data_preprocessor(copy.deepcopy(batch), training=mode == 'loss')
    return model(**data, mode=mode)


def _recognizer(model):
    built = MMACTION_MODELS.build(
        {
            'type': 'Recognizer3D',
            'backbone': copy.deepcopy(BACKBONE),
            'cls_head': dict(CLIP_HEAD),
            'data_preprocessor': dict(PREPROCESSOR),
        }
    )
    built.backbone, built.cls_head = model.backbone, model.heads['clips']
    return built.train(model.training)


def _detector(model):
    built = MMACTION_MODELS.build(
        ConfigDict(
            {
                'type': 'FastRCNN',
                '_scope_': 'mmdet',
                'backbone': copy.deepcopy(BACKBONE),
                'roi_head': copy.deepcopy(ROI_HEAD),
                'data_preprocessor': dict(PREPROCESSOR),
                'train_cfg': {'rcnn': copy.deepcopy(RCNN)},
                'test_cfg': {'rcnn': None},
            }
        )
    )
    built.backbone, built.roi_head = model.backbone, model.heads['ava']
    return built.train(model.training)


# --------------------------------------------------------------- equal to mmaction2's own models


def test_losses_of_clips_are_the_recognizers(model):
    losses = _run(model, _clips(), 'loss')
    expected = _run(_recognizer(model), _clips(), 'loss')
    assert list(losses) == [f'clips.{key}' for key in expected]
    assert torch.equal(losses['clips.loss_cls'], expected['loss_cls'])
    assert losses['clips.loss_cls'] > 0


def test_losses_of_boxes_are_the_detectors(model):
    losses = _run(model, _keyframes(), 'loss')
    expected = _run(_detector(model), _keyframes(), 'loss')
    assert list(losses) == [f'ava.{key}' for key in expected]
    assert torch.equal(losses['ava.loss_action_cls'], expected['loss_action_cls'])
    assert losses['ava.loss_action_cls'] > 0


@pytest.mark.parametrize('num_clips', [1, 3])
def test_predictions_of_clips_are_the_recognizers(model, num_clips):
    model.eval()
    found = _run(model, _clips(num_clips=num_clips), 'predict')
    expected = _run(_recognizer(model), _clips(num_clips=num_clips), 'predict')
    for sample, other in zip(found, expected):
        assert sample.pred_score.shape == (5,)
        assert torch.equal(sample.pred_score, other.pred_score)


def test_predictions_of_boxes_are_the_detectors(model):
    model.eval()
    (sample,) = _run(model, _keyframes(num=1), 'predict')
    (other,) = _run(_detector(model), _keyframes(num=1), 'predict')
    assert sample.pred_instances.scores.shape == (2, 4)
    assert torch.equal(sample.pred_instances.scores, other.pred_instances.scores)
    assert torch.equal(sample.pred_instances.bboxes, other.pred_instances.bboxes)


# --------------------------------------------------------------------------------------- modes


def test_tensor_gives_logits_or_features(model):
    model.eval()
    assert _run(model, _clips(num_clips=3), 'tensor').shape == (6, 5)
    assert _run(model, _keyframes(), 'tensor').shape == (4, 4)
    clip = torch.zeros(2, 1, 3, 4, 16, 16)
    assert model(clip).shape == model(clip[:, 0]).shape == (2, 8, 4, 4, 4)


def test_one_pass_and_one_head(model):
    calls = []
    for name, module in [('backbone', model.backbone), *model.heads.items()]:
        inner = module.bbox_head if name == 'ava' else module
        inner.register_forward_hook(lambda *_, name=name: calls.append(name))
    sum(v for k, v in _run(model, _clips(), 'loss').items() if 'loss' in k).backward()
    assert calls == ['backbone', 'clips']
    assert all(p.grad is None for p in model.heads['ava'].parameters())
    assert all(p.grad is not None for p in model.heads['clips'].parameters())


def test_a_shared_head_and_a_weight():
    model = _build(dataset_heads={'ava': 'ava', 'box': 'ava'}, loss_weights={'box': 0.5})
    losses = _run(model, _keyframes('box'), 'loss')
    expected = _run(model, _keyframes('ava'), 'loss')
    assert set(losses) == {key.replace('ava.', 'box.') for key in expected}
    assert torch.equal(losses['box.loss_action_cls'], 0.5 * expected['ava.loss_action_cls'])
    # accuracies are not weighed
    assert losses['box.recall@top3'] == expected['ava.recall@top3']
    total, _ = model.parse_losses(losses)
    assert torch.equal(total, losses['box.loss_action_cls'])


def test_all_weights_are_initialised():
    # I3DHead draws its classifier with a standard deviation of .01
    weight = _build().heads['clips'].fc_cls.weight
    assert 0.005 < weight.std() < 0.02


def test_bfloat16_autocast_is_finite(model):
    # mmaction2's clip heads cannot log accuracies of bfloat16
    for batch in (_clips(), _keyframes()):
        with torch.autocast('cpu', dtype=torch.bfloat16):
            total, _ = model.parse_losses(_run(model, batch, 'loss'))
        total.backward()
        assert torch.isfinite(total)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.requires_grad)


# -------------------------------------------------------------------------------------- errors


def test_samples_that_do_not_say_their_dataset(model):
    batch = _clips()
    for sample in batch['data_samples']:
        del sample.dataset_name
    with pytest.raises(ValueError, match='no dataset_name in its metainfo: .*SetDatasetName'):
        _run(model, batch, 'loss')


def test_an_unknown_dataset_and_two_at_once(model):
    with pytest.raises(ValueError, match="dataset_name 'k600' has no head: ava, clips"):
        _run(model, _clips('k600'), 'loss')
    batch = _clips()
    batch['data_samples'][1].set_metainfo({'dataset_name': 'ava'})
    with pytest.raises(ValueError, match='a batch is of one dataset, this one has ava, clips'):
        _run(model, batch, 'predict')


def test_boxes_without_proposals(model):
    batch = _keyframes()
    del batch['data_samples'][1].proposals
    with pytest.raises(ValueError, match=r'data_samples\[1\] \(v,1\) has no proposals'):
        _run(model, batch, 'loss')


def test_heads_that_are_not_there():
    with pytest.raises(ValueError, match='heads is empty'):
        _build(heads={})
    with pytest.raises(ValueError, match="dataset_heads: mit asks for head 'k400', heads has ava"):
        _build(dataset_heads={'mit': 'k400'})


@pytest.mark.parametrize(
    ('tubelet_size', 'stride', 'is_right'),
    [((2, 4, 4), 4, True), ((2, 4, 4), 8, False), ((2, 4, 8), (4, 8), True), ((2, 4, 8), 4, False)],
)
def test_rois_are_scaled_as_the_tubelets_are(tubelet_size, stride, is_right):
    vivit = {'type': 'mmlt.ViViT', 'num_frames': 4, 'img_size': 16, 'tubelet_size': tubelet_size}
    vivit.update(
        embed_dims=8, num_layers=(1, 1), num_heads=(2, 2), mlp_dims=(8, 8), keep_tokens=True
    )
    kind = 'SingleRoIExtractor3D' if isinstance(stride, int) else 'mmlt.SingleRoIExtractor3D'
    extractor = {**ROI_HEAD['bbox_roi_extractor'], 'type': kind, 'featmap_stride': stride}
    heads = {'ava': {**HEADS['ava'], 'bbox_roi_extractor': extractor}}
    if is_right:
        model = _build(backbone=vivit, heads=heads)
        assert _run(model, _keyframes(), 'loss')['ava.loss_action_cls'] > 0
        return
    with pytest.raises(
        ValueError, match=rf'heads.ava.bbox_roi_extractor.featmap_stride={stride}: '
    ):
        _build(backbone=vivit, heads=heads)


def test_modes_that_are_not_there(model):
    with pytest.raises(ValueError, match="mode must be .*got 'train'"):
        model(torch.zeros(1, 3, 4, 16, 16), mode='train')
    with pytest.raises(ValueError, match="mode 'loss' needs data_samples"):
        model(torch.zeros(1, 3, 4, 16, 16), mode='loss')
