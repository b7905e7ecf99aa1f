"""The third way of use: one line in an existing mmaction2 config, run by mmaction2's own tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mmaction
import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(mmaction.__file__).parent / '.mim' / 'tools'
STOCK = 'detection/slowonly/slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb.py'

pytestmark = pytest.mark.train


def _train(config, cwd, work_dir, options):
    """mmaction2's own train.py, which knows of mmlt only what the config says."""
    command = [sys.executable, TOOLS / 'train.py', config, '--work-dir', work_dir]
    return subprocess.run(
        [*map(str, command), '--cfg-options', *options],
        cwd=cwd,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_stock_config_with_one_line_and_our_metric(ava_root, ava_options, tmp_path):
    """The metric comes by --cfg-options; its files are those that AVAMetric was given."""
    config, work_dir = tmp_path / 'stock.py', tmp_path / 'work_dir'
    config.write_text(
        f"_base_ = 'mmaction::{STOCK}'\ncustom_imports = dict(imports=['mmlt'])\n",
        encoding='utf-8',
    )
    options = ['val_evaluator.type=mmlt.AVALongTailMetric', *ava_options]
    done = _train(config, ava_root, work_dir, options)
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
    shutil.rmtree(work_dir)  # the checkpoints hold hundreds of megabytes
