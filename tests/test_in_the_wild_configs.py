"""The two-stage configs are the paper's experiments, in numbers and in what they change."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch.nn.modules.batchnorm import _BatchNorm

from mmlt.fileio.label_map import read_label_map

FOLDER = Path(__file__).parents[1] / 'configs' / 'in_the_wild'
LABEL_MAP = Path(__file__).parent / 'data' / 'ava_action_list_v2.2_for_activitynet_2019.pbtxt'
PREFIX = 'nonlocal_i3d_r50'
FIRST_STAGE = ('', '_balanced', '_focal', '_stage_one')
CACHED = ('_stage_two', '_stage_two_original', '_stage_two_of_baseline')
ONLINE = ('_stage_two_online', '_stage_two_whole_model')
CLASSIFIER = 'roi_head.bbox_head.fc_cls'


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def _config(name, version='ava21'):
    return Config.fromfile(FOLDER / f'{PREFIX}_{version}{name}.py')


def _changed(name, base_name, version='ava21'):
    """Dotted keys in which two configs differ."""
    flat, base = (_flatten(_config(n, version).to_dict()) for n in (name, base_name))
    return {key for key in flat.keys() | base.keys() if flat.get(key) != base.get(key)}


def _flatten(value, prefix=''):
    if isinstance(value, dict):
        items = [_flatten(v, f'{prefix}.{k}' if prefix else k) for k, v in value.items()]
        return {key: leaf for item in items for key, leaf in item.items()}
    return {prefix: value}


# ----------------------------------------------------------------------------- the paper's numbers


@pytest.mark.parametrize('name', FIRST_STAGE)
def test_first_stage_has_the_numbers_of_the_paper(name):
    """Section 3.3."""
    cfg = _config(name)
    optimizer, schedule = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (optimizer.type, optimizer.lr) == ('SGD', 0.00125)
    assert (cfg.train_cfg.type, cfg.train_cfg.max_iters) == ('IterBasedTrainLoop', 90_000 + 10_000)
    assert (schedule.type, schedule.milestones, schedule.gamma) == ('MultiStepLR', [90_000], 0.1)
    assert not schedule.by_epoch and schedule.end == 100_000
    assert cfg.train_dataloader.batch_size * 8 == 24
    assert cfg.load_from == cfg.kinetics_checkpoint


@pytest.mark.parametrize('name', FIRST_STAGE + ONLINE)
def test_clips_and_head_have_the_numbers_of_the_paper(name):
    cfg = _config(name)
    dataset = cfg.train_dataloader.dataset
    steps = {step.type: step for step in dataset.pipeline}
    sampling = steps['SampleAVAFrames']
    assert (dataset.fps, sampling.clip_len, sampling.frame_interval) == (12, 36, 1)
    assert (steps['Resize'].scale, steps['Resize'].keep_ratio) == ((272, 272), False)
    assert steps['RandomCrop'].size == 256
    head = cfg.model.roi_head.bbox_head
    assert (head.dropout_ratio, head.dropout_before_pool) == (0.3, False)
    assert cfg.model.roi_head.bbox_roi_extractor.roi_layer_type == 'RoIPool'


def test_the_classes_are_the_60_that_ava_evaluates():
    cfg = _config('')
    assert sorted(read_label_map(LABEL_MAP)) == cfg.custom_classes
    assert len(cfg.custom_classes) == 60 == cfg.model.roi_head.bbox_head.num_classes - 1
    head = cfg.model.roi_head.bbox_head
    datasets = [cfg[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test')]
    assert head.class_ids == cfg.val_evaluator.custom_classes == cfg.custom_classes
    assert [dataset.custom_classes for dataset in datasets] == 3 * [cfg.custom_classes]


@pytest.mark.parametrize('name', ONLINE)
def test_online_stage_two_has_the_numbers_of_the_paper(name):
    cfg = _config(name)
    assert 8 * cfg.train_dataloader.batch_size * cfg.optim_wrapper.accumulative_counts == 1000
    # mmengine scales the learning rate by clips, not by updates
    assert cfg.auto_scale_lr.base_batch_size == 8 * cfg.train_dataloader.batch_size
    _check_second_stage_schedule(cfg)
    assert cfg.train_dataloader.sampler.mode == 'duplicate'


@pytest.mark.parametrize('name', CACHED)
def test_cached_stage_two_has_the_numbers_of_the_paper(name):
    cfg = _config(name)
    assert cfg.train_dataloader.batch_size == 1000
    assert (cfg.model.dropout_ratio, cfg.model.in_channels) == (0.3, 2048)
    assert cfg.model.class_ids == cfg.val_evaluator.custom_classes == cfg.custom_classes
    _check_second_stage_schedule(cfg)


def _check_second_stage_schedule(cfg):
    schedule, first = cfg.param_scheduler, cfg.optim_wrapper.optimizer.lr
    assert (cfg.train_cfg.type, cfg.train_cfg.max_epochs) == ('EpochBasedTrainLoop', 1)
    assert (schedule.type, schedule.by_epoch, schedule.convert_to_iter_based) == (
        'LinearLR', True, True)  # fmt: skip
    assert (first * schedule.start_factor, first * schedule.end_factor) == (0.001, 0.0001)


def test_the_rows_of_table_2_differ_from_the_baseline_in_one_thing_each():
    dataset = 'train_dataloader.dataset.pipeline'
    sampler = {f'train_dataloader.sampler.{key}' for key in ('type', 'mode', 'shuffle')}
    assert _changed('_balanced', '') == {dataset, *sampler}
    loss = {f'model.roi_head.bbox_head.loss_cls.{key}' for key in ('type', 'gamma')}
    assert _changed('_focal', '') == loss
    split = {f'{part}.split_file' for part in ('model.roi_head.bbox_head', 'val_evaluator',
                                               'test_evaluator')}  # fmt: skip
    trained = 'model.roi_head.bbox_head.trained_groups'
    assert _changed('_stage_one', '') == {'split_file', trained, *split}
    assert _changed('_stage_one', '', 'ava22') == _changed('_stage_one', '')


def test_table_4_differs_in_the_freezing():
    assert _changed('_stage_two_whole_model', '_stage_two_online') == {'custom_hooks'}
    hooks = [_config(name).custom_hooks for name in ONLINE]
    assert [hook for hook in hooks[0] if hook not in hooks[1]] == [
        dict(type='mmlt.FreezeHook', frozen='*', trained=CLASSIFIER)
    ]


def test_tables_3_and_5_differ_in_features_and_in_balancing():
    folders = {f'{split}_dataloader.dataset.feature_dir' for split in ('train', 'val', 'test')}
    assert _changed('_stage_two_of_baseline', '_stage_two') == {'feature_root', *folders}
    sampler = {f'train_dataloader.sampler.{key}' for key in ('type', 'mode', 'shuffle')}
    assert _changed('_stage_two_original', '_stage_two') == sampler


@pytest.mark.parametrize('version', ['ava21', 'ava22'])
def test_stages_are_joined_by_their_paths(version):
    """Each stage looks for its input where the README lets the stage before leave it."""
    folder = f'work_dirs/two_stage/{PREFIX}_{version}'
    for name in ('_stage_one', '_stage_two'):
        cfg = _config(name, version)
        split_files = {cfg.split_file, cfg.val_evaluator.split_file, cfg.test_evaluator.split_file}
        assert split_files == {f'{folder}/split.json'}
    cfg = _config('_stage_two', version)
    folders = [cfg[f'{split}_dataloader'].dataset.feature_dir for split in ('train', 'val', 'test')]
    assert folders == [f'{folder}/features/{split}' for split in ('train', 'val', 'val')]
    if version == 'ava21':
        checkpoint = _config('_stage_two_online').custom_hooks[-1].checkpoint
        assert checkpoint == f'{folder}/stage_one/iter_100000.pth'


# -------------------------------------------------------------------------------------- the model


@pytest.fixture(scope='module')
def detector():
    with DefaultScope.overwrite_default_scope('mmaction'):
        return MODELS.build(_config('').model).to('meta')


def test_backbone_at_full_size(detector):
    """36 frames: 18, pooled 9, pooled 4; 256 pixels at stride 16."""
    clips = torch.empty(3, 3, 36, 256, 256, device='meta')
    assert detector.backbone(clips).shape == (3, 2048, 4, 16, 16)


def test_backbone_has_five_non_local_blocks(detector):
    blocks = [name for name, m in detector.named_modules() if type(m).__name__ == 'NonLocal3d']
    assert blocks == [f'backbone.layer2.{i}.non_local_block' for i in (1, 3)] + [
        f'backbone.layer3.{i}.non_local_block' for i in (1, 3, 5)
    ]


def test_batch_norm_is_frozen(detector):
    detector.train()
    norms = [module for module in detector.modules() if isinstance(module, _BatchNorm)]
    assert len(norms) == 53 + 5  # ResNet-50's, and one for each non-local block
    assert not any(norm.training for norm in norms)
    assert not any(parameter.requires_grad for norm in norms for parameter in norm.parameters())
