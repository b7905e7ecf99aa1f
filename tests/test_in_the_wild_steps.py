"""Each two-stage config makes one update on files laid out as AVA's, some of them validate."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from warm_python import PYTHON

from mmlt.fileio.label_map import read_label_map

ROOT = Path(__file__).parents[1]
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
LABEL_MAP = Path(__file__).parent / 'data' / 'ava_action_list_v2.2_for_activitynet_2019.pbtxt'
CLASSIFIER = 'roi_head.bbox_head.fc_cls'
HEAD_IDS = (11, 12, 80)  # of the classes that the toy files carry; 15 and 43 are in the tail

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def _config(name, version='ava21'):
    path = ROOT / 'configs' / 'in_the_wild' / f'nonlocal_i3d_r50_{version}{name}.py'
    return Config.fromfile(path)


@pytest.fixture(scope='module')
def split_file(tmp_path_factory):
    path = tmp_path_factory.mktemp('split') / 'split.json'
    tail = [class_id for class_id in sorted(read_label_map(LABEL_MAP)) if class_id not in HEAD_IDS]
    path.write_text(json.dumps(dict(head=HEAD_IDS, tail=tail)), encoding='utf-8')
    return str(path)


@pytest.fixture
def in_ava_root(ava_root, monkeypatch):
    """The configs' paths are relative."""
    monkeypatch.chdir(ava_root)


def _shrink(cfg, work_dir, *, split_file=None, validate=False):
    """One update on one clip of 8 frames of 64 x 64, fewer channels."""
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.timestamp_end = 908
        for step in loader.dataset.pipeline:
            smaller = dict(SampleAVAFrames=dict(clip_len=8), Resize=dict(scale=(72, 72)),
                           RandomCrop=dict(size=64))  # fmt: skip
            step.update(smaller.get(step.type, {}))
    cfg.train_dataloader.batch_size = 1
    head = cfg.model.roi_head.bbox_head
    cfg.model.backbone.base_channels, head.in_channels = 8, 256
    cfg.model.roi_head.bbox_roi_extractor.roi_layer_type = 'RoIAlign'  # RoIPool needs CUDA
    if head.get('split_file'):
        head.split_file = split_file
    return _one_update(cfg, work_dir, split_file, validate)


def _one_update(cfg, work_dir, split_file=None, validate=False):
    if 'mode' in cfg.train_dataloader.sampler:
        cfg.train_dataloader.sampler.empty_classes = 'ignore'
    if cfg.train_cfg.type == 'IterBasedTrainLoop':
        cfg.train_cfg.update(max_iters=1, val_interval=1)
    elif 'mode' in cfg.train_dataloader.sampler:
        cfg.train_dataloader.sampler.num_samples = cfg.train_dataloader.batch_size
    if cfg.val_evaluator.get('split_file'):
        cfg.val_evaluator.split_file = split_file
    if not validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    cfg.default_hooks.checkpoint.update(interval=-1, save_last=False)
    cfg.default_hooks.logger.interval = 1
    cfg.load_from = None
    cfg.work_dir = str(work_dir)
    return cfg


class _Record(Hook):
    """What the first iteration starts from, its inputs and its loss."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.start = {name: w.clone() for name, w in runner.model.state_dict().items()}
        self.input_shapes = [tuple(item.shape) for item in data_batch['inputs']]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.loss = outputs['loss'].item()


def _step(cfg):
    """Train for one update; what was recorded, the runner, and the names that have changed."""
    runner, record = Runner.from_cfg(cfg), _Record()
    runner.register_hook(record, priority='LOWEST')
    runner.train()
    end = runner.model.state_dict()
    changed = {name for name, weight in record.start.items() if not torch.equal(weight, end[name])}
    assert runner.iter == 1
    assert math.isfinite(record.loss) and record.loss > 0
    return record, runner, changed


def _metrics(work_dir):
    (path,) = work_dir.rglob('metrics.json')
    return json.loads(path.read_text(encoding='utf-8'))


def test_baseline_steps_and_validates(in_ava_root, tmp_path):
    record, runner, changed = _step(_shrink(_config(''), tmp_path, validate=True))
    assert record.input_shapes == [(3, 8, 64, 64)]
    assert {f'{CLASSIFIER}.weight', 'backbone.conv1.conv.weight'} <= changed
    assert not [name for name in changed if '.bn' in name]
    assert runner.optim_wrapper.get_lr() == {'lr': [0.00125]}
    metrics = _metrics(tmp_path)
    assert len(metrics['per_class']) == 60
    # 4 keyframes of two persons; the others of the 60 classes have no box
    assert (metrics['num_keyframes'], metrics['num_boxes']) == (4, 8)


@pytest.mark.parametrize(
    ('name', 'version', 'loss'),
    [('_balanced', 'ava21', 'BCELoss'), ('_focal', 'ava21', 'FocalLoss'), ('', 'ava22', 'BCELoss')],
)
def test_one_stage_steps(name, version, loss, in_ava_root, tmp_path):
    record, runner, changed = _step(_shrink(_config(name, version), tmp_path))
    assert record.input_shapes == [(3, 8, 64, 64)]
    assert 'backbone.conv1.conv.weight' in changed
    assert type(runner.model.roi_head.bbox_head.loss_cls).__name__ == loss


@pytest.mark.parametrize('version', ['ava21', 'ava22'])
def test_stage_one_trains_head_columns(version, in_ava_root, tmp_path, split_file):
    cfg = _shrink(_config('_stage_one', version), tmp_path, split_file=split_file)
    cfg.optim_wrapper.optimizer.weight_decay = 0  # which acts on every column
    record, runner, changed = _step(cfg)
    assert 'backbone.conv1.conv.weight' in changed
    name = f'{CLASSIFIER}.weight'
    moved = (runner.model.state_dict()[name] != record.start[name]).any(dim=1)
    ids = [0, *cfg.custom_classes]  # mmaction2's column 0
    assert {ids[column] for column in moved.nonzero().flatten().tolist()} == set(HEAD_IDS)


@pytest.mark.parametrize('name', ['_stage_two_online', '_stage_two_whole_model'])
def test_online_stage_two_steps(name, in_ava_root, tmp_path):
    """The trunk is stage one's, the classifier starts at zero; frozen or not as the name says."""
    cfg = _shrink(_config(name), tmp_path)
    trunk = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=trunk), tmp_path / 'stage_one.pth')
    cfg.custom_hooks[-1].checkpoint = str(tmp_path / 'stage_one.pth')
    record, runner, changed = _step(cfg)
    own = {f'{CLASSIFIER}.weight', f'{CLASSIFIER}.bias'}
    assert changed & own == own
    assert all(not record.start[key].any() for key in own)
    assert all(torch.equal(record.start[key], trunk[key]) for key in trunk.keys() - own)
    trained = {key for key, weight in runner.model.named_parameters() if weight.requires_grad}
    if name == '_stage_two_online':
        assert changed == trained == own
    else:
        assert 'backbone.conv1.conv.weight' in trained


@pytest.fixture(scope='module')
def features(ava_root, split_file, tmp_path_factory):
    """Features of 2,048 / 8 channels through the trunk of stage one, by the tool."""
    folder = tmp_path_factory.mktemp('features')
    cfg = _shrink(_config('_stage_one'), folder, split_file=split_file, validate=True)
    cfg.dump(folder / 'stage_one.py')
    with DefaultScope.overwrite_default_scope('mmaction'):
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), folder / 'trunk.pth')
    tool = ROOT / 'tools' / 'features' / 'extract_box_features.py'
    arguments = [folder / 'stage_one.py', folder / 'trunk.pth', '--out', folder, '--num-workers', 0]
    command = [PYTHON, tool, *arguments]
    subprocess.run([str(part) for part in command], cwd=ava_root, env=ENV, check=True)
    return folder


@pytest.mark.parametrize(
    ('name', 'version', 'num_drawn'),
    [('', 'ava21', 1000), ('', 'ava22', 1000), ('_of_baseline', 'ava21', 1000),
     ('_original', 'ava21', 8)],
)  # fmt: skip
def test_cached_stage_two_steps(
    name, version, num_drawn, in_ava_root, features, tmp_path, split_file
):
    """1,000 balanced boxes, or the 8 annotated ones as they come."""
    cfg = _one_update(_config(f'_stage_two{name}', version), tmp_path, split_file, validate=True)
    assert cfg.train_dataloader.dataset.feature_dir.endswith('/train')
    assert cfg.val_dataloader.dataset.feature_dir.endswith('/val')
    cfg.model.in_channels = 256
    for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val')):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.update(feature_dir=str(features / split), in_channels=256)
    record, runner, changed = _step(cfg)
    assert record.input_shapes == [(num_drawn, 256)]
    assert changed == {'bbox_head.fc_cls.weight', 'bbox_head.fc_cls.bias'}
    assert record.loss == pytest.approx(math.log(2))  # the classifier starts at zero
    metrics = _metrics(tmp_path)
    assert (metrics['num_keyframes'], metrics['num_boxes']) == (4, 8)
    assert metrics['groups']['head']['num_classes'] == len(HEAD_IDS)
