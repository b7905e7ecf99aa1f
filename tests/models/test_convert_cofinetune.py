"""One head of a co-finetuned model as a model of mmaction2; the scores: tests/tools/convert."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmlt.models.convert_cofinetune import (
    check_state,
    choose_dataset,
    convert_cofinetune_config,
    convert_cofinetune_state,
)
from mmlt.registry import MODELS

SET_NAME = {'type': 'mmlt.SetDatasetName', 'name': 'k400'}
RCNN = {'assigner': {'type': 'MaxIoUAssignerAVA'}}


def _model():
    """Two datasets of boxes share a head; one of clips has its own."""
    boxes = {'type': 'mmdet.AVARoIHead', 'bbox_head': {'type': 'BBoxHeadAVA'}}
    return {
        'type': 'mmlt.CoFinetuneModel',
        'backbone': {'type': 'ResNet3d', 'norm_cfg': {'type': 'BN3d'}},
        'heads': {
            'boxes': {**boxes, 'train_cfg': RCNN, 'test_cfg': None},
            'k400': {'type': 'I3DHead', 'num_classes': 4},
        },
        'dataset_heads': {'ava': 'boxes', 'kinetics_box': 'boxes', 'k400': 'k400'},
        'loss_weights': {},
        'data_preprocessor': {'type': 'ActionDataPreprocessor'},
    }


def _config(**changes):
    inner = {'type': 'VideoDataset', 'pipeline': [{'type': 'PackActionInputs'}, SET_NAME]}
    loader = {'batch_size': 2, 'dataset': {'type': 'RepeatDataset', 'times': 1, 'dataset': inner}}
    config = {
        'default_scope': 'mmaction',
        'runner_type': 'mmlt.CoFinetuneRunner',
        'default_hooks': {'timer': {'type': 'IterTimerHook'}},
        'train_dataloader': {'batch_size': 8},
        'optim_wrapper': {'type': 'OptimWrapper'},
        'model': _model(),
        'test_dataloader': {'k400': loader, 'ava': {'dataset': {'type': 'AVADataset'}}},
        'test_evaluator': {'k400': {'type': 'AccMetric'}, 'ava': {'type': 'AVAMetric'}},
        'test_cfg': {'type': 'mmlt.MultiDatasetTestLoop', 'fp16': True},
        'val_dataloader': None,
        'val_evaluator': None,
        'val_cfg': None,
    }
    return Config({**config, **changes})


def test_config_of_a_clip_head():
    plain = convert_cofinetune_config(_config(), 'k400').to_dict()
    assert plain == {
        'default_scope': 'mmaction',
        'default_hooks': {'timer': {'type': 'IterTimerHook'}},
        'model': {
            'type': 'Recognizer3D',
            'backbone': {'type': 'ResNet3d', 'norm_cfg': {'type': 'BN3d'}},
            'data_preprocessor': {'type': 'ActionDataPreprocessor'},
            'cls_head': {'type': 'I3DHead', 'num_classes': 4},
        },
        'test_dataloader': {
            'batch_size': 2,
            'dataset': {
                'type': 'RepeatDataset',
                'times': 1,
                'dataset': {'type': 'VideoDataset', 'pipeline': [{'type': 'PackActionInputs'}]},
            },
        },
        'test_evaluator': {'type': 'AccMetric'},
        'test_cfg': {'type': 'TestLoop', 'fp16': True},
    }


def test_config_of_a_box_head():
    """mmaction2's own types are named from mmdet's scope, the head's train and test config move."""
    config = _config()
    model = convert_cofinetune_config(config, 'boxes', 'ava').model.to_dict()
    assert model == {
        'type': 'FastRCNN',
        '_scope_': 'mmdet',
        'backbone': {'type': 'mmaction.ResNet3d', 'norm_cfg': {'type': 'BN3d'}},
        'data_preprocessor': {'type': 'mmaction.ActionDataPreprocessor'},
        'roi_head': {'type': 'mmdet.AVARoIHead', 'bbox_head': {'type': 'BBoxHeadAVA'}},
        'train_cfg': {'rcnn': RCNN},
        'test_cfg': {'rcnn': None},
    }
    assert 'train_cfg' in config.model.heads.boxes, 'the config that was given stays as it was'


def test_evaluator_beside_a_dump():
    evaluators = [{'k400': {'type': 'AccMetric'}}, {'type': 'DumpResults'}]
    plain = convert_cofinetune_config(_config(test_evaluator=evaluators), 'k400')
    assert plain.test_evaluator.to_dict() == {'type': 'AccMetric'}


def test_a_dataset_without_a_test():
    plain = convert_cofinetune_config(_config(), 'boxes', 'kinetics_box')
    assert sorted(plain.keys()) == ['default_hooks', 'default_scope', 'model']


def test_batch_norm_of_a_dataset_becomes_plain():
    config = _config()
    norm = {'type': 'mmlt.PerDatasetBatchNorm', 'dataset_names': ['ava', 'k400'], 'eps': 0.1}
    config.model.backbone.update(norm_cfg=norm, parts=[{'norm_cfg': norm}])
    backbone = convert_cofinetune_config(config, 'k400').model.backbone.to_dict()
    plain = {'type': 'BN3d', 'eps': 0.1}
    assert backbone == {'type': 'ResNet3d', 'norm_cfg': plain, 'parts': [{'norm_cfg': plain}]}


def test_state_by_hand():
    state = {f'{name}.x': torch.ones(1) for name in ('backbone', 'heads.boxes', 'heads.k400')}
    state['heads.k400.x'] = torch.zeros(1)
    found = convert_cofinetune_state(state, _model(), 'k400')
    assert {key: value.item() for key, value in found.items()} == {'backbone.x': 1, 'cls_head.x': 0}
    found = convert_cofinetune_state(state, _model(), 'boxes', 'ava')
    assert sorted(found) == ['backbone.x', 'roi_head.x']


def test_dataset_of_a_head():
    assert choose_dataset(_model(), 'k400') == 'k400'
    assert choose_dataset(_model(), 'boxes', 'kinetics_box') == 'kinetics_box'
    model = _model()
    del model['dataset_heads']
    assert choose_dataset(model, 'boxes') == 'boxes'


@pytest.mark.parametrize(
    ('head', 'dataset', 'message'),
    [
        ('boxes', None, 'head boxes is of several datasets, choose one: ava, kinetics_box'),
        ('k400', 'ava', "dataset 'ava' does not use head k400; k400 does"),
        ('ssv2', None, "the model has no head 'ssv2', only boxes, k400"),
    ],
)
def test_messages(head, dataset, message):
    with pytest.raises(ValueError, match=message):
        choose_dataset(_model(), head, dataset)
    with pytest.raises(ValueError, match=message):
        convert_cofinetune_config(_config(), head, dataset)


def test_another_model_and_other_weights():
    with pytest.raises(ValueError, match=r'model FastRCNN has no heads: it is no mmlt\.CoFinet'):
        choose_dataset({'type': 'FastRCNN'}, 'ava')
    with pytest.raises(ValueError, match=r'no heads\.k400\.\* in the state dict'):
        convert_cofinetune_state({'backbone.x': torch.ones(1)}, _model(), 'k400')


def test_weights_that_do_not_fit():
    head = {'type': 'I3DHead', 'num_classes': 4, 'in_channels': 8}
    state = {'fc_cls.weight': torch.ones(4, 3), 'fc.weight': torch.ones(1)}
    message = 'fc_cls.bias missing; fc.weight unknown; fc_cls.weight of another shape'
    with DefaultScope.overwrite_default_scope('mmaction'):
        with pytest.raises(ValueError, match=f'the weights do not fit the config: {message}'):
            check_state(state, head)


def _model_of_one_stage(**options):
    one_stage = {'stage_blocks': (1,), 'out_indices': (0,), 'inflate': (0,), 'dilations': (1,)}
    one_stage.update(num_stages=1, spatial_strides=(1,), temporal_strides=(1,), base_channels=4)
    backbone = {'type': 'ResNet3dSlowOnly', 'depth': 18, 'pretrained': None, **one_stage}
    head = {'type': 'I3DHead', 'num_classes': 4, 'in_channels': 4}
    heads = {'type': 'mmlt.CoFinetuneModel', 'heads': {'ava': head, 'k400': head}}
    return {**heads, 'backbone': backbone, **options}


def test_a_backbone_that_the_model_has_converted():
    config = _config(model=_model_of_one_stage(per_dataset_batch_norm=True))
    with DefaultScope.overwrite_default_scope('mmaction'):
        state = MODELS.build(config.model).state_dict()
        state['backbone.conv1.bn.running_mean'][1] = 7
        plain = convert_cofinetune_state(state, config.model, 'k400')
        check_state(plain, convert_cofinetune_config(config, 'k400').model)
    assert plain['backbone.conv1.bn.running_mean'].tolist() == [7] * 4


def test_statistics_a_dataset_in_the_weights_alone():
    state = {'backbone.bn.running_mean': torch.ones(2, 3), 'heads.k400.x': torch.ones(1)}
    with DefaultScope.overwrite_default_scope('mmaction'):
        with pytest.raises(ValueError, match='statistics a dataset, the model of the config has n'):
            convert_cofinetune_state(state, _model_of_one_stage(), 'k400')
