"""The shuffle-bias configs are the paper's experiments: classes, schedule, clips, finetuning."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import MODELS, DefaultScope

FOLDER = Path(__file__).parents[1] / 'configs' / 'shuffle_bias'
# Hara et al. 2021, section 3.3
NUM_CLASSES = {
    'kinetics400': 400,
    'moments_in_time': 339,
    'activitynet': 200,
    'ucf101': 101,
    'hmdb51': 51,
    'sthv2': 174,
    'jester': 27,
    'gym288': 288,
    'diving48': 48,
}
FINETUNED = ('gym288', 'diving48', 'ucf101')


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def _config(name):
    return Config.fromfile(FOLDER / f'resnet3d_r50_{name}.py')


@pytest.mark.parametrize('name', NUM_CLASSES)
def test_settings_of_the_paper(name):
    cfg = _config(name)
    assert cfg.model.cls_head.num_classes == NUM_CLASSES[name]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', 0.03, 0.9)
    assert optimizer.weight_decay == 1e-4
    assert (cfg.train_cfg.max_epochs, cfg.param_scheduler.milestones) == (250, [100, 200])
    assert cfg.train_dataloader.batch_size == 32
    assert cfg.load_from is None
    assert cfg.test_cfg.type == 'mmlt.ShuffleBiasTestLoop'


def test_nine_data_sets_and_three_targets():
    names = {path.stem.replace('resnet3d_r50_', '') for path in FOLDER.glob('*.py')}
    assert names == {*NUM_CLASSES, *(f'finetune_{name}' for name in FINETUNED)}


@pytest.mark.parametrize('name', NUM_CLASSES)
def test_train_and_test_files_differ(name):
    cfg = _config(name)
    train, val, test = (cfg[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test'))
    assert train.ann_file != val.ann_file == test.ann_file
    assert train.type == val.type == test.type


@pytest.mark.parametrize('name', FINETUNED)
def test_finetuning_changes_the_weights_alone(name):
    scratch, finetune = _config(name).to_dict(), _config(f'finetune_{name}').to_dict()
    changed = {key for key in finetune if finetune[key] != scratch.get(key)}
    assert changed == {'load_from'}
    source = Path(finetune['load_from']).parent.name
    assert (FOLDER / f'{source}.py').is_file() and source != f'resnet3d_r50_{name}'


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """50 frames of 160 x 120: windows at 0 and 16, and a looped one of frames 32 to 49."""
    path = str(tmp_path_factory.mktemp('video') / 'v.mp4')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'mp4v'), 25, (160, 120))
    for number in range(50):
        writer.write(np.full((120, 160, 3), 5 * number, np.uint8))
    writer.release()
    return {'filename': path, 'start_index': 0, 'modality': 'RGB', 'label': 3}


def test_clips(video):
    cfg = _config('ucf101')
    train, test = (Compose(cfg[f'{split}_dataloader'].dataset.pipeline)(dict(video))['inputs']
                   for split in ('train', 'test'))  # fmt: skip
    assert train.shape == (1, 3, 32, 112, 112)
    assert test.shape == (3, 3, 32, 112, 112)
    frames = (test.float().mean(dim=(1, 3, 4)) / 5).round()
    expected = [[*range(32)], [*range(16, 48)], [*range(32, 50), *range(32, 46)]]
    assert (frames - torch.tensor(expected)).abs().max() <= 1  # the codec's loss


def test_network_halves_as_the_papers_does():
    """32 x 112 x 112: stem 32 x 56 x 56, pooled 16 x 28 x 28, halved by each of three stages."""
    backbone = MODELS.build(_config('ucf101').model.backbone)
    backbone.eval()
    shapes = []
    for name in ('conv1', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4'):
        module = getattr(backbone, name)
        module.register_forward_hook(lambda *args: shapes.append(tuple(args[2].shape[1:])))
    with torch.no_grad():
        backbone(torch.zeros(1, 3, 32, 112, 112))
    assert shapes == [
        (64, 32, 56, 56),
        (64, 16, 28, 28),
        (256, 16, 28, 28),
        (512, 8, 14, 14),
        (1024, 4, 7, 7),
        (2048, 2, 4, 4),
    ]
