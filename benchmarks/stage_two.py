"""An epoch of stage 2 (balanced boxes, only the classifier is trained) on both of its roads.

``trunk`` reads frames and runs the frozen detector for every drawn box; ``cached`` reads the RoI
features that ``tools/features/extract_box_features.py`` wrote; the limit reads their bytes once.
The toy world is drawn into a temporary folder, the detector's weights are random: neither changes
the work. Both roads draw the same boxes and end with the same classifier, whose largest difference
is printed. Each side has a process of its own.

    OMP_NUM_THREADS=1 python benchmarks/stage_two.py
    OMP_NUM_THREADS=1 python benchmarks/stage_two.py --scale 0.05 --boxes 500      # a quick look
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

import mmlt  # noqa: F401  (its repairs come before mmaction2)
from mmlt.fileio.box_feature_reader import open_features

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'toy' / 'slowonly_toy_ava.py'
CLASSIFIER = 'roi_head.bbox_head.fc_cls'
BATCH, TRUNK_BATCH = 1000, 20  # boxes of a step; keyframes of a pass through the trunk
EPOCHS = {'trunk': 1, 'cached': 7}
SIDES = {
    'trunk': 'through the frozen trunk',
    'cached': 'from cached features',
    'read': 'limit: reading the bytes of all features once',
}


class EpochSeconds(Hook):
    """CPU seconds of each epoch, without what comes before and after it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def before_train_epoch(self, runner: Runner) -> None:
        self._start = time.process_time()

    def after_train_epoch(self, runner: Runner) -> None:
        self.seconds.append(time.process_time() - self._start)


def make_world(folder: Path, scale: float) -> float:
    """Draw the world, save a detector, extract its features; CPU seconds of the extraction."""
    tools = ROOT / 'tools'
    world = ['--out', 'data/toy', '--parts', 'ava', '--scale', scale]
    _call(folder, tools / 'data' / 'make_toy_world.py', *world)
    init_default_scope('mmaction')
    MMLogger.get_instance('stage_two', log_level='ERROR')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    torch.save({'state_dict': model.state_dict()}, folder / 'detector.pth')
    before = os.times()
    options = ['--out', 'features', '--split', 'train', '--num-workers', '0']
    _call(folder, tools / 'features' / 'extract_box_features.py', CONFIG, 'detector.pth', *options)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def _call(folder: Path, *command: object) -> str:
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONWARNINGS': 'ignore'}
    words = [sys.executable, *map(str, command)]
    options = dict(cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    return subprocess.run(words, check=True, **options).stdout


def make_config(side: str, num_boxes: int) -> Config:
    """The epoch of one road: the same draws, the same optimizer."""
    config = Config.fromfile(CONFIG)
    for kind in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            config.pop(f'{kind}_{part}')
    config.work_dir = f'work_{side}'
    config.default_hooks.checkpoint = None
    config.log_level = 'ERROR'
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=EPOCHS[side])
    config.param_scheduler = None
    config.optim_wrapper = dict(optimizer=dict(type='SGD', lr=1.0))
    loader = config.train_dataloader
    loader.update(num_workers=0, persistent_workers=False, batch_size=BATCH)
    loader.sampler = dict(
        type='mmlt.ClassBalancedSampler', seed=0, num_samples=num_boxes, empty_classes='ignore'
    )
    head = config.model.roi_head.bbox_head
    if side == 'cached':
        loader.dataset = dict(type='mmlt.BoxFeatureDataset', feature_dir='features/train')
        config.model = dict(
            type='mmlt.BoxFeatureClassifier',
            in_channels=head.in_channels,
            num_classes=head.num_classes,
            dropout_ratio=0.0,
        )
        return config
    head.update(type='mmlt.LongTailBBoxHead', dropout_ratio=0.0)
    loader.batch_size = TRUNK_BATCH
    config.optim_wrapper.accumulative_counts = BATCH // TRUNK_BATCH
    loader.dataset.pipeline.insert(0, dict(type='mmlt.KeepDrawnBox'))
    trunk = dict(checkpoint='detector.pth', remade=CLASSIFIER, remade_init='zero')
    config.custom_hooks += [
        dict(type='mmlt.FreezeHook', frozen='*', trained=CLASSIFIER),
        dict(type='mmlt.LoadTrunkHook', **trunk),
    ]
    return config


class KeepFirst(Hook):
    """The classifier as it is after the first epoch."""

    def after_train_epoch(self, runner: Runner) -> None:
        if runner.epoch == 0:
            head = getattr(runner.model, 'roi_head', runner.model).bbox_head
            self.weight = head.fc_cls.weight.detach().clone()


def run_side(side: str, num_boxes: int) -> dict:
    """CPU seconds of an epoch (median) and of what comes before it, and the classifier."""
    torch.set_num_threads(1)
    if side == 'read':
        return {'seconds': _read_seconds(), 'start': 0.0}
    runner = Runner.from_cfg(make_config(side, num_boxes))
    clock, keep = EpochSeconds(), KeepFirst()
    for hook in (clock, keep):
        runner.register_hook(hook, 'LOWEST')
    start = time.process_time()
    runner.train()
    whole = time.process_time() - start
    torch.save(keep.weight, f'{side}.pt')
    return {'seconds': statistics.median(clock.seconds), 'start': whole - sum(clock.seconds)}


def _read_seconds() -> float:
    files = [path for path in Path('features/train').glob('shard_*/features.npy')]
    seconds = []
    for _ in range(7):
        start = time.process_time()
        for path in files:
            np.fromfile(path, dtype=np.uint8)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def main(argv: Sequence[str] | None = None) -> None:
    """Run every side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--scale', type=float, default=0.2, help='share of the toy world')
    parser.add_argument('--boxes', type=int, default=2000, help='boxes drawn in an epoch')
    parser.add_argument('--child', choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        print(json.dumps(run_side(args.child, args.boxes)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extraction = make_world(folder, args.scale)
        results = {}
        for side in SIDES:
            output = _call(folder, __file__, '--child', side, '--boxes', args.boxes)
            results[side] = json.loads(output.splitlines()[-1])
        weights = [
            torch.load(folder / f'{side}.pt', weights_only=True) for side in ('trunk', 'cached')
        ]
        features = open_features(folder / 'features' / 'train')
        _print_table(results, features, extraction, args.boxes)
        print(
            f'\nlargest difference of the classifiers: {(weights[0] - weights[1]).abs().max():.1e}'
        )


def _print_table(results: dict, features: object, extraction: float, num_boxes: int) -> None:
    megabytes = sum(shard.numel() * shard.element_size() for shard in features.shards) / 1e6
    print(
        f'{num_boxes:,} boxes an epoch; {len(features.rows):,} features of '
        f'{len(features.keyframes):,} keyframes, {megabytes:.1f} MB, extracted once in '
        f'{extraction:.1f} CPU s, imports included\n'
    )
    print('| side | CPU s an epoch | ratio | CPU s before the first epoch |')
    print('|---|---|---|---|')
    for side, result in results.items():
        ratio = results['trunk']['seconds'] / max(result['seconds'], 1e-9)
        print(f'| {SIDES[side]} | {result["seconds"]:.5f} | {ratio:,.0f} | {result["start"]:.2f} |')


if __name__ == '__main__':
    main()
