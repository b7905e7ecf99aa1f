"""The third way of use: one line, or one option, for an existing mmaction2 config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import mmaction
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from warm_python import PYTHON

import mmlt  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(mmaction.__file__).parent / '.mim' / 'tools'
STOCK = 'detection/slowonly/slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb.py'

pytestmark = pytest.mark.train


def _run(python, tool, *arguments, cwd):
    return subprocess.run(
        [python, str(tool), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_stock_config_with_one_line_and_our_metric(ava_root, ava_options, tmp_path):
    """mmaction2's own train.py knows of mmlt what the config says; the metric is an option.

    In a new interpreter: it imports mmlt no sooner than the one line makes it.
    """
    config, work_dir = tmp_path / 'stock.py', tmp_path / 'work_dir'
    config.write_text(
        f"_base_ = 'mmaction::{STOCK}'\ncustom_imports = dict(imports=['mmlt'])\n",
        encoding='utf-8',
    )
    narrow = ['model.backbone.base_channels=8', 'model.roi_head.bbox_head.in_channels=256']
    options = ['val_evaluator.type=mmlt.AVALongTailMetric', *narrow, *ava_options]
    arguments = [TOOLS / 'train.py', config, '--work-dir', work_dir, '--cfg-options', *options]
    done = _run(sys.executable, *arguments, cwd=ava_root)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-4000:]
    (path,) = work_dir.rglob('metrics.json')
    metrics = json.loads(path.read_text(encoding='utf-8'))
    assert len(metrics['per_class']) == 60
    assert metrics['per_class']['stand']['num_boxes'] == 4
    # without counts or a split file there are no groups: they are never guessed
    assert metrics['groups'] == {} and metrics['train_counts_source'] is None
    # the stock config's save_best='auto' takes the first key of the metric
    (best,) = work_dir.glob('best_*.pth')
    assert best.name == 'best_ava_frame_mAP_epoch_1.pth'
    assert f'ava/frame_mAP: {metrics["frame_mAP"]:.4f}' in log


RECOGNIZERS = {
    'slowonly/slowonly_r50_8xb16-4x16x1-256e_kinetics400-rgb.py': 2,
    'tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py': 3,
}


def _write_videos(folder):
    """Two videos of noise that drifts, and their list."""
    rng = np.random.default_rng(0)
    for number in range(2):
        ground = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(folder / f'v{number}.mp4'), code, 8, (64, 48))
        for frame in range(70):
            writer.write(np.roll(ground, frame, axis=1))
        writer.release()
    (folder / 'list.txt').write_text('v0.mp4 0\nv1.mp4 3\n', encoding='utf-8')


@pytest.mark.parametrize(('config', 'num_clips'), RECOGNIZERS.items())
def test_shuffle_bias_of_a_stock_recognizer_by_one_option(config, num_clips, tmp_path):
    """The file of the wheel as it is; but for one, the options only make it small."""
    config = TOOLS.parent / 'configs' / 'recognition' / config
    small = dict(backbone=dict(depth=18, pretrained=None), cls_head=dict(in_channels=512))
    cfg = Config.fromfile(config)
    cfg.merge_from_dict({'model': small})
    with DefaultScope.overwrite_default_scope('mmaction'):
        torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, tmp_path / 'weights.pth')
    _write_videos(tmp_path)
    data = 'test_dataloader.dataset'
    options = [
        'test_cfg.type=mmlt.ShuffleBiasTestLoop',
        *(
            f'model.{part}.{key}={value}'
            for part, own in small.items()
            for key, value in own.items()
        ),
        f'{data}.ann_file={tmp_path / "list.txt"}',
        f'{data}.data_prefix.video={tmp_path}',
        f'{data}.pipeline.1.num_clips={num_clips}',
        f'{data}.pipeline.3.scale=(-1,32)',
        f'{data}.pipeline.4.crop_size=32',
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
    ]
    work_dir, test = tmp_path / 'work_dir', ROOT / 'tools' / 'test.py'
    arguments = [
        config,
        tmp_path / 'weights.pth',
        '--work-dir',
        work_dir,
        '--cfg-options',
        *options,
    ]
    done = _run(PYTHON, test, *arguments, cwd=tmp_path)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    (path,) = work_dir.rglob('shuffle_bias.json')
    found = json.loads(path.read_text(encoding='utf-8'))
    assert (found['num_shuffles'], found['num_samples']) == (3, 2)
    assert found['metrics']['accuracy'] == found['metrics']['acc/top1']
    assert len(found['metrics']['accuracy']['shuffles']) == 3
    assert list(found['per_class']) == ['class 0', 'class 3']
    (tmp_path / 'weights.pth').unlink()  # tens of megabytes
