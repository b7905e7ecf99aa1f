"""The three-branch configs are the report's experiments: settings, frames, weights, switches."""

from __future__ import annotations

import functools
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.hub import get_config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, PARAM_SCHEDULERS, DefaultScope
from mmengine.structures import BaseDataElement
from torch.nn.modules.batchnorm import _BatchNorm

from mmlt.fileio.label_map import read_label_map

FOLDER = Path(__file__).parents[1] / 'configs' / 'three_branch'
LABEL_MAP = Path(__file__).parent / 'data' / 'ava_action_list_v2.2_for_activitynet_2019.pbtxt'
WHOLE = 'slowfast_r101_three_branch'
#: {global loss} x {global feature} x {long-term}: the end of the name of each
SWITCHES = {
    (False, False, False): '_phase_one',
    (True, False, False): '_global_loss',
    (False, True, False): '_global_feature',
    (True, True, False): '_global',
    (False, False, True): '_long_term',
    (True, False, True): '_global_loss_long_term',
    (False, True, True): '_global_feature_long_term',
    (True, True, True): '',
}
EIGHT = [WHOLE + suffix for suffix in SWITCHES.values()]
AVA = [*EIGHT, 'slowfast_r50_three_branch_phase_one', 'slowfast_r50_three_branch']
#: number -> learning rate, iterations, warm-up (section 4)
KINETICS = {600: (0.4, 180_000, 4_000), 700: (0.1, 60_000, 3_000)}

every_ava = pytest.mark.parametrize('name', AVA)


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


@functools.cache
def _config(name):
    return Config.fromfile(FOLDER / f'{name}.py')


def _steps(pipeline):
    return {step.type: step for step in pipeline}


def _flatten(value, prefix=''):
    if isinstance(value, dict) and value:
        items = [_flatten(v, f'{prefix}.{k}' if prefix else k) for k, v in value.items()]
        return {key: leaf for item in items for key, leaf in item.items()}
    return {prefix: value}


def _changed(name, other):
    """Dotted keys in which two configs differ."""
    flat, base = (_flatten(_config(n).to_dict()) for n in (name, other))
    return {key for key in flat.keys() | base.keys() if flat.get(key) != base.get(key)}


def _docstring(name):
    return (FOLDER / f'{name}.py').read_text(encoding='utf-8').split('"""')[1]


# ------------------------------------------------------------------------------- the eight


def test_every_combination_has_a_config_and_every_config_is_known():
    assert set(SWITCHES) == set(itertools.product((False, True), repeat=3))
    names = {path.stem for path in FOLDER.glob('*.py')}
    assert names == {*AVA, *(f'slowfast_r101_kinetics{number}' for number in KINETICS)}


@pytest.mark.parametrize('switches', SWITCHES)
def test_the_eight_differ_in_their_switches_alone(switches):
    loss, feature, long_term = switches
    head = 'model.roi_head'
    expected = {f'{head}.global_feature'} if feature else set()
    if loss:
        expected |= {f'{head}.global_loss.{key}' for key in ('type', 'gamma', 'loss_weight')}
    if long_term:
        branch = ('latent_channels', 'num_blocks', 'block', 'dropout_ratio')
        expected |= {f'{head}.long_term.{key}' for key in branch}
        expected |= {f'{part}_dataloader.dataset.pipeline' for part in ('train', 'val', 'test')}
        expected |= {'tta_pipeline'}
    assert _changed(WHOLE + SWITCHES[switches], f'{WHOLE}_phase_one') == expected


@pytest.mark.parametrize('switches', SWITCHES)
def test_switches_say_what_the_docstring_says(switches):
    loss, feature, long_term = switches
    text = ' '.join(_docstring(WHOLE + SWITCHES[switches]).partition('Source:')[0].split())
    if all(switches):
        assert 'all three branches' in text
        return
    assert 'RoI branch' in text
    said = [words in text for words in ('global loss', 'global feature', 'long-term')]
    assert said == [loss, feature, long_term]


@pytest.mark.parametrize('suffix', ['', '_phase_one'])
def test_r50_is_the_same_with_another_network(suffix):
    slow, fast = (f'model.backbone.{path}_pathway' for path in ('slow', 'fast'))
    assert _changed(f'slowfast_r50_three_branch{suffix}', WHOLE + suffix) == {
        'depth',
        'kinetics_checkpoint',
        'non_local',
        'model.init_cfg.checkpoint',
        f'{slow}.depth',
        f'{slow}.non_local',
        f'{fast}.depth',
    }


# --------------------------------------------------------------------- the report's settings


@every_ava
def test_training_is_the_reports(name):
    """Section 4."""
    cfg = _config(name)
    optimizer, schedule = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', 0.016, 0.9)
    assert optimizer.weight_decay == 1e-7
    assert (cfg.train_cfg.type, cfg.train_cfg.max_iters) == ('IterBasedTrainLoop', 26_000)
    assert (schedule.type, schedule.milestones, schedule.gamma) == (
        'MultiStepLR', [16_000, 21_000], 0.1)  # fmt: skip
    assert (schedule.by_epoch, schedule.end) == (False, 26_000)
    assert 8 * cfg.train_dataloader.batch_size == 64 == cfg.auto_scale_lr.base_batch_size
    assert '8 clips each (8 x 8 = 64), 26,000 iterations' in _docstring(name)
    head = cfg.model.roi_head.bbox_head
    assert (head.dropout_ratio, head.dropout_before_pool) == (0.5, False)
    assert cfg.model.roi_head.fusion == 'concat'


@every_ava
def test_persons_and_augmentation_are_the_reports(name):
    cfg = _config(name)
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    assert train.persons == 'ground_truth'
    assert cfg.model.train_cfg.rcnn.sampler.add_gt_as_proposals is False
    assert (test.person_det_score_thr, test.keep_one_person) == (0.8, False)
    assert cfg.val_dataloader == cfg.test_dataloader
    steps = _steps(train.pipeline)
    assert steps.keys() >= {'Flip', 'ColorJitter'} and steps['Flip'].flip_ratio == 0.5
    assert not {'Flip', 'ColorJitter'} & _steps(test.pipeline).keys()
    assert cfg.model.roi_head.box_jitter > 0
    for pipeline in (train.pipeline, test.pipeline):
        steps = _steps(pipeline)
        assert steps['Resize'].scale == (-1, 256)
        assert not any('Crop' in step for step in steps)
        sample = steps['SampleAVAFrames']
        assert (sample.clip_len, sample.frame_interval, sample.test_mode) == (64, 1, True)


@every_ava
def test_augmented_test_is_the_reports(name):
    cfg = _config(name)
    views = _steps(cfg.tta_pipeline)['TestTimeAug'].transforms
    assert [step.scale for step in views[0]] == [(-1, 244), (-1, 256), (-1, 320)]
    assert [step.flip_ratio for step in views[1]] == [0, 1]
    assert cfg.tta_model.type == 'mmlt.AVATestTimeAug'
    # decoded as in the test without it, and with its window
    before = [step for step in cfg.tta_pipeline if step.type != 'TestTimeAug']
    tested = cfg.test_dataloader.dataset.pipeline
    assert [step for step in before if step not in tested] == []
    assert ('mmlt.LoadFeatureBank' in _steps(before)) == ('mmlt.LoadFeatureBank' in _steps(tested))


#: Of type PERSON_MOVEMENT in AVA's list of all 80 classes; maps for the evaluation have no types.
POSES = """bend/bow (at the waist), crawl, crouch/kneel, dance, fall down, get up, jump/leap,
    lie/sleep, martial art, run/jog, sit, stand, swim, walk"""


def test_poses_are_those_of_ava():
    """The label map names the 60 evaluated classes; crawl is no such."""
    pose_ids = _config(WHOLE).model.roi_head.bbox_head.pose_ids
    names = read_label_map(LABEL_MAP)
    poses = [name.strip() for name in POSES.split(',')]
    assert pose_ids == [1 + i for i in range(len(poses))]
    assert {i: names[i] for i in pose_ids if i in names} == {
        1 + i: name for i, name in enumerate(poses) if name != 'crawl'
    }
    assert not set(poses) & {name for i, name in names.items() if i not in pose_ids}


# ----------------------------------------------------------------------------------- the bank


@every_ava
def test_the_window_is_61_seconds_of_5_persons_where_a_branch_reads_it(name):
    cfg = _config(name)
    for part, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        steps = _steps(cfg[f'{part}_dataloader'].dataset.pipeline)
        read = steps.get('mmlt.LoadFeatureBank')
        assert (read is not None) == ('long_term' in cfg.model.roi_head)
        assert steps['PackActionInputs'].algorithm_keys == (('long_term',) if read else ())
        if read:
            assert (read.window_sec, read.max_persons) == (61, 5)
            assert read.bank_dir == f'work_dirs/feature_bank/{split}'
            assert read.test_mode == (split == 'val')


def test_the_bank_lies_where_the_environment_says(monkeypatch):
    monkeypatch.setenv('FEATURE_BANK', '/data/bank of mine')
    text = str(Config.fromfile(FOLDER / f'{WHOLE}.py').to_dict())
    folders = re.findall(r"'bank_dir': '([^']*)'", text)
    assert set(folders) == {'/data/bank of mine/train', '/data/bank of mine/val'}


# ---------------------------------------------------------------------- the network and weights


@pytest.mark.parametrize('depth', [50, 101])
def test_both_phases_start_from_the_same_weights(depth):
    """ "During both fine-tuning processes we initialize from weights pre-trained on Kinetics"."""
    names = [name for name in AVA if f'r{depth}' in name]
    assert len(names) > 1
    starts = {str(_config(name).model.init_cfg) for name in names}
    assert len(starts) == 1 and f'slowfast_r{depth}_8xb8-8x8x1-256e_kinetics400' in starts.pop()
    for name in names:
        assert _config(name).load_from is None
        assert _config(name).model.backbone.get('init_cfg') is None


def _on_meta(model_cfg):
    with torch.device('meta'):
        return MODELS.build(model_cfg)


def _zoo_config(depth):
    stem = f'slowfast_r{depth}_8xb8-8x8x1-256e_kinetics400-rgb'
    return get_config(f'mmaction::recognition/slowfast/{stem}.py')


@pytest.mark.parametrize(
    ('network', 'kinetics'),
    [
        ('r101', lambda: _zoo_config(101)),
        ('r50', lambda: _zoo_config(50)),
        ('r101', lambda: _config('slowfast_r101_kinetics600')),
        ('r101', lambda: _config('slowfast_r101_kinetics700')),
    ],
)
def test_weights_of_kinetics_fit_the_backbone(network, kinetics):
    """All but the non-local blocks, by name and shape; dilation and stride change neither."""
    model = _on_meta(_config(f'slowfast_{network}_three_branch').model)
    wanted = {key: value.shape for key, value in model.backbone.state_dict().items()}
    given = {
        key: value.shape for key, value in _on_meta(kinetics().model).backbone.state_dict().items()
    }
    new = {key for key in wanted if '.non_local_block.' in key}
    assert {key.partition('.non_local_block.')[0] for key in new} == {
        f'slow_path.layer3.{block}' for block in {'r101': (6, 13, 20), 'r50': (1, 3, 5)}[network]
    }
    assert given == {key: shape for key, shape in wanted.items() if key not in new}


@pytest.mark.parametrize('network', ['r50', 'r101'])
def test_res5_is_dilated_by_2_and_has_no_stride_in_both_pathways(network):
    model = _on_meta(_config(f'slowfast_{network}_three_branch').model)
    for path in (model.backbone.slow_path, model.backbone.fast_path):
        for layer, dilation in ((path.layer3, 1), (path.layer4, 2)):
            for block in layer:
                assert block.conv2.conv.dilation == (1, dilation, dilation)
                assert block.conv2.conv.padding == (0, dilation, dilation)
        strides = {
            module.stride[1:] for module in path.layer4.modules() if hasattr(module, 'stride')
        }
        assert strides == {(1, 1)}
    slow, fast = model.backbone(torch.empty(1, 3, 64, 64, 96, device='meta'))
    assert (slow.shape, fast.shape) == ((1, 2048, 8, 4, 6), (1, 256, 32, 4, 6))
    stride = model.roi_head.bbox_roi_extractor.featmap_stride
    assert (64 // slow.shape[3], 96 // slow.shape[4]) == (stride, stride)


def test_pathways_see_8_and_32_of_64_contiguous_frames():
    backbone = _small(_config(f'{WHOLE}_phase_one')).backbone.eval()
    seen = {}
    for name in ('slow', 'fast'):
        first = getattr(backbone, f'{name}_path').conv1
        first.register_forward_pre_hook(
            lambda _, args, name=name: seen.update({name: args[0][0, 0, :, 0, 0].tolist()})
        )
    clip = torch.arange(64.0)[None, None, :, None, None].expand(1, 3, 64, 32, 32)
    with torch.no_grad():
        backbone(clip)
    assert seen == dict(slow=list(range(0, 64, 8)), fast=list(range(0, 64, 2)))


def test_every_second_frame_alone_is_the_same_input():
    """The README's way of decoding half as many frames."""
    keyframe = dict(fps=30, timestamp=902, timestamp_start=900, start_index=1, shot_info=(0, 900))
    (step,) = [s for s in _config(WHOLE).test_dataloader.dataset.pipeline if 'Sample' in s.type]
    every = TRANSFORMS.build(step)(dict(keyframe))['frame_inds']
    half = TRANSFORMS.build(dict(step, clip_len=32, frame_interval=2))(dict(keyframe))['frame_inds']
    assert np.array_equal(np.diff(every), np.ones(63))
    assert np.array_equal(every[::2], half)


def test_batch_norm_is_frozen_and_non_local_blocks_are_trained():
    model = _small(_config(f'{WHOLE}_phase_one')).train()
    norms = [module for module in model.backbone.modules() if isinstance(module, _BatchNorm)]
    assert len(norms) > 100
    assert not any(norm.training or norm.weight.requires_grad for norm in norms)
    blocks = {
        key: p.requires_grad for key, p in model.named_parameters() if 'non_local_block' in key
    }
    assert len(blocks) == 3 * 8 and all(blocks.values())


# ----------------------------------------------------------------------------- what they build

NARROW = {'slow_pathway.base_channels': 8, 'fast_pathway.base_channels': 1}
ROI_CHANNELS = 8 * 32 + 32


def _small(cfg):
    """The model with few channels and without weights, changed by options as a user would."""
    cfg = Config(cfg.to_dict())
    options = {f'model.backbone.{key}': value for key, value in NARROW.items()}
    cfg.merge_from_dict({**options, 'model.roi_head.roi_channels': ROI_CHANNELS})
    if 'long_term' in cfg.model.roi_head:
        cfg.merge_from_dict({'model.roi_head.long_term.latent_channels': 16})
    cfg.model.pop('init_cfg')
    return MODELS.build(cfg.model)


def _decoded(width):
    rng = np.random.default_rng(width)
    boxes = np.array([[8, 8, 24, 40], [30, 4, 60, 44]], np.float32)
    labels = np.zeros((2, 81), np.float32)
    labels[[0, 1, 1], [12, 11, 17]] = 1  # stand; sit and one that is no pose
    return dict(
        imgs=list(rng.integers(0, 256, (64, 48, width, 3), dtype=np.uint8)),
        **dict(img_shape=(48, width), modality='RGB', num_clips=1, clip_len=64),
        **dict(gt_bboxes=boxes, gt_labels=labels, proposals=boxes.copy(), scores=np.ones(2)),
        **dict(img_key='v,0902', video_id='v', timestamp=902),
    )


def _batch(pipeline, long_term):
    """Two clips of unequal width, through what follows the decoding in the config's pipeline."""
    (decode,) = [i for i, step in enumerate(pipeline) if step.type.endswith('Decode')]
    steps = [step for step in pipeline[decode + 1 :] if step.type != 'mmlt.LoadFeatureBank']
    steps = [dict(step, scale=(-1, 48)) if step.type == 'Resize' else step for step in steps]
    compose = Compose([TRANSFORMS.build(step) for step in steps])
    batch = [compose({**_decoded(width), **long_term}) for width in (64, 80)]
    return pseudo_collate(batch)


def _window():
    features = torch.randn(61 * 5, ROI_CHANNELS)
    window = BaseDataElement(features=features, mask=torch.arange(61 * 5) % 3 == 0)
    window.set_metainfo(dict(checkpoint='ab' * 32))
    return window


def _step(cfg, pipeline=None, model=None):
    """A training step of a narrow model; a window is there where a branch reads it."""
    torch.manual_seed(0)
    np.random.seed(0)
    if model is None:
        model = _small(cfg)
        model.init_weights()
    long_term = {'long_term': _window()} if 'long_term' in cfg.model.roi_head else {}
    batch = _batch(pipeline or cfg.train_dataloader.dataset.pipeline, long_term)
    logged = model.train().train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    assert 0 < logged['loss_action_cls'].item() < math.inf
    return logged


@pytest.mark.parametrize('name', EIGHT)
def test_a_narrow_one_steps_and_moves_what_is_on(name):
    cfg = _config(name)
    torch.manual_seed(1)
    model = _small(cfg)
    model.init_weights()
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    logged = _step(cfg, model=model)
    assert ('loss_global' in logged) == ('global_loss' in cfg.model.roi_head)
    moved = {key for key, p in model.named_parameters() if not torch.equal(p, before[key])}
    expected = {'backbone.slow_path', 'backbone.fast_path', 'roi_head.bbox_head'}
    expected |= {'roi_head.long_term'} if 'long_term' in cfg.model.roi_head else set()
    expected |= {'roi_head.global_classifier'} if 'loss_global' in logged else set()
    assert {'.'.join(key.split('.')[:2]) for key in moved} == expected


# ----------------------------------------------------------------------------- Kinetics, Task A


@pytest.mark.parametrize('number', KINETICS)
def test_task_a_is_the_reports(number):
    """Section 4."""
    cfg = _config(f'slowfast_r101_kinetics{number}')
    lr, max_iters, _ = KINETICS[number]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', lr, 0.9)
    assert (optimizer.weight_decay, cfg.optim_wrapper.clip_grad) == (1e-4, None)
    assert (cfg.train_cfg.type, cfg.train_cfg.max_iters) == ('IterBasedTrainLoop', max_iters)
    assert 64 * cfg.train_dataloader.batch_size == 512 == cfg.auto_scale_lr.base_batch_size
    assert f'8 clips each (64 x 8 = 512), {max_iters:,} iterations' in _docstring(
        f'slowfast_r101_kinetics{number}'
    )
    head, backbone = cfg.model.cls_head, cfg.model.backbone
    assert (head.num_classes, head.dropout_ratio) == (number, 0.5)
    assert (backbone.slow_pathway.depth, backbone.fast_pathway.depth) == (101, 101)
    assert 'Sync' not in str(cfg.model) and 'sync_bn' not in cfg  # statistics of one GPU
    steps = _steps(cfg.train_dataloader.dataset.pipeline)
    assert (steps['RandomRescale'].scale_range, steps['RandomCrop'].size) == ((256, 320), 224)
    sample = steps['SampleFrames']
    assert (sample.clip_len, sample.frame_interval, sample.get('test_mode', False)) == (
        32,
        2,
        False,
    )
    assert cfg.val_evaluator.type == cfg.test_evaluator.type == 'mmlt.AverageErrorMetric'
    used = str([cfg[f'{part}_dataloader'] for part in ('train', 'val', 'test')])
    assert set(re.findall(r'kinetics(\d+)', used)) == {str(number)}


@pytest.mark.parametrize('number', KINETICS)
def test_learning_rate_is_the_half_cosine_with_the_pi_that_the_formula_lost(number):
    lr, max_iters, warmup = KINETICS[number]
    cfg = _config(f'slowfast_r101_kinetics{number}')
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=lr)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(each), default_args=dict(optimizer=optimizer))
        for each in cfg.param_scheduler
    ]
    rates = []
    optimizer.step()
    for _ in range(max_iters):
        rates.append(optimizer.param_groups[0]['lr'])
        for scheduler in schedulers:
            scheduler.step()
    iters = np.arange(max_iters)
    expected = 0.5 * lr * (np.cos(np.pi * iters / max_iters) + 1)
    np.testing.assert_allclose(rates[warmup:], expected[warmup:], rtol=1e-6, atol=1e-9 * lr)
    factors = np.array(rates[:warmup]) / expected[:warmup]
    np.testing.assert_allclose(np.diff(factors, 2), 0, atol=1e-9)  # a straight line
    assert factors[0] == pytest.approx(0.1) and factors[-1] == pytest.approx(1)
    without_pi = 0.5 * (math.cos(1) + 1)
    assert f'{without_pi:.2f} lr'.lstrip('0') in _docstring('slowfast_r101_kinetics600')


def test_pre_trainings_are_joined_by_their_paths():
    """Each looks where the one before leaves its last iteration."""
    first, second = (_config(f'slowfast_r101_kinetics{number}') for number in KINETICS)
    assert first.load_from is None
    last = f'iter_{first.train_cfg.max_iters}.pth'
    assert second.load_from == f'work_dirs/slowfast_r101_kinetics600/{last}'


# ---------------------------------------------------------------------------------- the README

README = (FOLDER / 'README.md').read_text(encoding='utf-8')


def test_table_of_the_readme_has_the_switches_of_the_configs():
    rows = re.findall(r'^\| `(slowfast_\w+_three_branch\w*)\.py` \|(.*)\|$', README, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(AVA)
    for name, cells in rows:
        head = _config(name).model.roi_head
        switches = 'global_loss' in head, head.global_feature, 'long_term' in head
        assert [cell.strip() == 'on' for cell in cells.split('|')[:3]] == list(switches)


def test_example_of_the_readme_is_complete(tmp_path):
    """Upon mmaction2's own AVA config: built and stepped, its bank where the environment says."""
    path = tmp_path / 'mine.py'
    path.write_text(re.search(r'```python\n(.*?)```', README, re.DOTALL)[1], encoding='utf-8')
    cfg = Config.fromfile(path)
    assert cfg.custom_imports['imports'] == ['mmlt']
    for part, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        steps = _steps(cfg[f'{part}_dataloader'].dataset.pipeline)
        assert steps['mmlt.LoadFeatureBank'].bank_dir == f'work_dirs/feature_bank/{split}'
        assert steps['PackActionInputs'].algorithm_keys == ('long_term',)
    pipeline = [step for step in cfg.train_dataloader.dataset.pipeline if 'Random' not in step.type]
    assert _step(cfg, pipeline)['loss_global'] > 0


@pytest.mark.parametrize(
    'options',
    [
        {'fusion': 'sum'},
        {'long_term.num_blocks': 3},
        {'long_term.block': 'transformer', 'long_term.num_heads': 4},
        {'bbox_head.pose_ids': (), 'bbox_head.gamma': 0, 'global_loss.gamma': 0},
    ],
)
def test_options_of_the_readme_are_taken(options):
    for option, value in options.items():
        printed = f"'{value}'" if isinstance(value, str) else f'{value}'
        assert f'`bbox_head.{option}' in README or f'{option}={printed}' in README
    cfg = Config(_config(WHOLE).to_dict())
    cfg.merge_from_dict({f'model.roi_head.{key}': value for key, value in options.items()})
    assert _step(cfg)['loss_global'] > 0


def test_activation_checkpointing_of_the_readme():
    """Less memory, the same losses."""
    losses = []
    for with_cp in (False, True):
        cfg = Config(_config(f'{WHOLE}_phase_one').to_dict())
        for path in ('slow', 'fast'):
            option = f'model.backbone.{path}_pathway.with_cp'
            assert f'{option}=True' in README
            cfg.merge_from_dict({option: with_cp, 'model.roi_head.box_jitter': 0})
        losses.append(_step(cfg)['loss_action_cls'].item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_size_of_the_bank_in_the_readme():
    bytes_a_person = 4 * _config(WHOLE).model.roi_head.roi_channels
    assert f'A person takes {bytes_a_person:,} bytes' in README
    videos, seconds = map(int, re.search(r'AVA has (\d+) videos of (\d+) seconds', README).groups())
    assert (videos, seconds) == (235 + 64, 1798 - 902 + 1)
    assert f'that is {2 * videos * seconds * bytes_a_person / 1e9:.1f} GB' in README
