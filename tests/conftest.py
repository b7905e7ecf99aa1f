"""Fixtures that several test files share, and the Python that they start (see warm_python)."""

from __future__ import annotations

import gc
import json
import os
import pickle
import select
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
import warm_python
from filelock import FileLock
from warm_python import PYTHON
from warm_python.server import leave_as_it_is

import mmlt  # noqa: F401  (its repairs come before mmaction2)
from mmlt.fileio.box_features import (
    ROW_DTYPE,
    finish_folder,
    make_keyframe_table,
    start_folder,
    write_shard,
)

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / 'data'
LABEL_MAPS = {
    '2.1': 'ava_action_list_v2.1_for_activitynet_2018.pbtxt',
    '2.2': 'ava_action_list_v2.2_for_activitynet_2019.pbtxt',
}
VIDEOS = {'train': '-5KQ66BBWC4', 'val': '1j20qq1JyX4'}
FRAME_FOLDERS = {'rawframes': 30, 'rawframes_12fps': 12}  # frames a second
FIRST_SECOND, LAST_SECOND = 900, 908  # what is on disk: [first, last)
KEYFRAMES = range(902, 907)
EXCLUDED = 904
# person id: box, class ids; of AVA v2.2's training counts 12, 80 and 11 are head classes, 15 is a
# medium one, 43 a tail one; 2 (crawl) is annotated but not among the 60 evaluated classes
PERSONS = {
    0: ((0.1, 0.2, 0.4, 0.9), (12, 15, 80)),
    1: ((0.5, 0.1, 0.9, 0.95), (11, 43, 2)),
}

SERVER = pytest.StashKey()
LONG = ('dist', 'mim', 'resume', 'train')  # the marks of tests that take seconds


def pytest_collection_modifyitems(items):
    """Files with long tests first: of two workers none is left with one at the end."""
    long = {item.path for item in items if any(map(item.get_closest_marker, LONG))}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish(session):
    """Let no collection of garbage walk through what is imported: mmengine's datasets ask for one.

    And start the server of :data:`PYTHON` while the first tests run, where a test may ask it.
    """
    gc.collect()
    gc.freeze()
    modules = {getattr(item, 'module', None) for item in session.items}
    fixtures = {name for item in session.items for name in getattr(item, 'fixturenames', ())}
    is_used = fixtures & {'toy_world', 'two_ranks'} or any(hasattr(m, 'PYTHON') for m in modules)
    if is_used and not session.config.option.collectonly:
        session.config.stash[SERVER] = warm_python.start()


def pytest_unconfigure(config):
    if SERVER in config.stash:
        warm_python.stop(config.stash[SERVER])


@pytest.fixture(scope='session', autouse=True)
def _configs_without_yapf():
    from mmengine.config import config

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(config, 'FormatCode', leave_as_it_is)
        yield


@pytest.fixture(scope='session')
def made_once(tmp_path_factory):
    """``made_once(NAME, MAKE)``: a folder that ``MAKE(folder)`` has filled, for all workers."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base

    def make_once(name, make):
        folder, done = base / name, base / f'{name}.made'
        with FileLock(base / f'{name}.lock'):
            if not done.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                done.touch()
        return folder

    return make_once


def _write_frames(folder, fps, seed):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for number in range(1, (LAST_SECOND - FIRST_SECOND) * fps + 1):
        cv2.imwrite(str(folder / f'img_{number:05d}.jpg'), np.roll(frame, number, axis=1))


def _write_annotations(path, video):
    rows = [
        f'{video},{second:04d},' + ','.join(f'{x:.3f}' for x in box) + f',{label},{person}'
        for second in KEYFRAMES
        for person, (box, labels) in PERSONS.items()
        for label in labels
    ]
    path.write_text('\n'.join(rows) + '\n', encoding='utf-8')


def _write_proposals(path, video):
    """Jittered persons and one false box; the last keyframe has none, as happens in AVA."""
    rng = np.random.default_rng(0)
    boxes = np.array([*(box for box, _ in PERSONS.values()), (0.0, 0.0, 0.2, 0.3)])
    scores = np.array([[0.99], [0.95], [0.2]])
    proposals = {
        f'{video},{second:04d}': np.hstack(
            [np.clip(boxes + rng.uniform(-0.01, 0.01, boxes.shape), 0, 1), scores]
        )
        for second in KEYFRAMES[:-1]
    }
    path.write_bytes(pickle.dumps(proposals))


@pytest.fixture(scope='session')
def ava_root(tmp_path_factory):
    """A working directory whose ``data/ava`` is as mmaction2's data guide leaves it.

    Tiny frames, one video a split, seconds 900 to 907 on disk, keyframes at 902 to 906, one of them
    excluded; both releases.
    """
    root = tmp_path_factory.mktemp('ava')
    ava = root / 'data' / 'ava'
    annotations = ava / 'annotations'
    annotations.mkdir(parents=True)
    for seed, (split, video) in enumerate(VIDEOS.items()):
        for folder, fps in FRAME_FOLDERS.items():
            _write_frames(ava / folder / video, fps, seed)
        _write_proposals(annotations / f'ava_dense_proposals_{split}.FAIR.recall_93.9.pkl', video)
        for version in LABEL_MAPS:
            _write_annotations(annotations / f'ava_{split}_v{version}.csv', video)
            excluded = annotations / f'ava_{split}_excluded_timestamps_v{version}.csv'
            excluded.write_text(f'{video},{EXCLUDED:04d}\n', encoding='utf-8')
    for name in LABEL_MAPS.values():  # both releases evaluate the same 60 classes
        shutil.copy(DATA / LABEL_MAPS['2.2'], annotations / name)
    return root


@pytest.fixture(scope='session')
def ava_options():
    """``--cfg-options`` that fit an AVA config of mmaction2's to :func:`ava_root` and one core."""
    loaders = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    return [
        'model.init_cfg=None',  # no download of pre-trained weights
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=2',  # 4 keyframes are left: two iterations
        *(f'{loader}.num_workers=0' for loader in loaders),
        *(f'{loader}.persistent_workers=False' for loader in loaders),
        *(f'{loader}.dataset.timestamp_end={LAST_SECOND}' for loader in loaders),
        'train_dataloader.dataset.pipeline.2.scale_range=(64,80)',
        'train_dataloader.dataset.pipeline.3.size=64',
        *(f'{loader}.dataset.pipeline.2.scale=(-1,64)' for loader in loaders[1:]),
    ]


class ToyDetector(NamedTuple):
    """A working directory with 2% of the toy world under data/toy, and a random detector."""

    root: Path
    config: Path
    checkpoint: Path


@pytest.fixture(scope='session')
def toy_world(made_once):
    """2% of the toy world, its AVA part; to be read, and linked to, by all tests."""

    def make(folder):
        tool = ROOT / 'tools' / 'data' / 'make_toy_world.py'
        options = ['--parts', 'ava', '--scale', '0.02', '--workers', '1']
        subprocess.run([PYTHON, tool, '--out', folder, *options], check=True)

    return made_once('toy_world', make)


@pytest.fixture(scope='session')
def toy_detector(tmp_path_factory, toy_world):
    """What the tools that take CONFIG and CHECKPOINT need; run them in ``root``."""
    from mmengine.config import Config
    from mmengine.registry import MODELS, init_default_scope

    root = tmp_path_factory.mktemp('toy_detector')
    (root / 'data').mkdir()
    (root / 'data' / 'toy').symlink_to(toy_world)
    config = ROOT / 'configs' / 'toy' / 'slowonly_toy_ava.py'
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    for module in model.modules():  # as after a training: not what a fresh layer has
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    checkpoint = {'meta': {'epoch': 3}, 'state_dict': model.state_dict(), 'optimizer': {}}
    torch.save(checkpoint, root / 'detector.pth')
    return ToyDetector(root, config, root / 'detector.pth')


@pytest.fixture(scope='session')
def cofinetuned(tmp_path_factory, toy_world):
    """A co-finetuned model of three datasets; run the tools in ``root``."""
    import cofinetune_world

    return cofinetune_world.make(tmp_path_factory.mktemp('cofinetuned'), toy_world)


class TwoRanks:
    """Two gloo ranks, started with the first job: most of a job's time would be imports."""

    def __init__(self, folder):
        self._folder = folder
        self._ranks = []

    def run(self, script, *arguments):
        """Call ``main(rank, *arguments)`` of a script on both ranks; their process group exists."""
        if not self._ranks:
            self._start()
        for rank in self._ranks:
            rank.stdin.write(json.dumps([str(script), *map(str, arguments)]) + '\n')
            rank.stdin.flush()
        answers = [self._answer(rank) for rank in self._ranks]
        if answers != ['done', 'done']:
            self.stop()
        assert answers == ['done', 'done'], '\n'.join(answers)

    def _start(self):
        rendezvous = self._folder / f'rendezvous_{len(list(self._folder.iterdir()))}'
        worker = Path(__file__).with_name('two_rank_worker.py')
        env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        for rank in ('0', '1'):
            command = [PYTHON, worker, rank, rendezvous]
            self._ranks.append(subprocess.Popen(command, cwd=self._folder, **pipes))

    @staticmethod
    def _answer(rank):
        if not select.select([rank.stdout], [], [], 300)[0]:  # ends a test whose ranks hang
            return 'no answer'
        return json.loads(rank.stdout.readline() or '"ended without an answer"')

    def stop(self):
        """End both ranks; the next job starts others."""
        for rank in self._ranks:
            rank.kill()
            rank.communicate()
        self._ranks = []


@pytest.fixture(scope='session')
def two_ranks(tmp_path_factory):
    """Two gloo ranks for ``two_ranks.run(SCRIPT, ARGUMENT, ...)``, shared by all tests."""
    ranks = TwoRanks(tmp_path_factory.mktemp('two_ranks'))
    yield ranks
    ranks.stop()


FEATURE_KEYFRAMES = [('one', 902), ('one', 903), ('another', 902)]
# keyframe, box, kind, score: two annotated boxes and a proposal, one and none, one and two
ROWS = [(0, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 0.9)]
ROWS += [(1, 0, 0, 1)]
ROWS += [(2, 0, 0, 1), (2, 0, 1, 0.8), (2, 1, 1, 0.7)]
NUM_CLASSES, WIDTH = 4, 3
LABELS = {0: [1], 1: [2, 3], 3: [1], 4: [3]}  # row -> classes of an annotated box


@pytest.fixture
def feature_rows():
    """Row i has features 10 i, 10 i + 1, 10 i + 2."""
    rows = np.zeros(len(ROWS), dtype=ROW_DTYPE)
    for row, values in zip(rows, ROWS):
        row['keyframe'], row['box'], row['kind'], row['score'] = values
        row['box_xyxy_norm'] = [0.1, 0.2, 0.3, 0.25 + values[1] / 10]
    labels = np.zeros((len(ROWS), NUM_CLASSES), dtype=np.uint8)
    for row, classes in LABELS.items():
        labels[row, classes] = 1
    features = 10 * np.arange(len(ROWS))[:, None] + np.arange(WIDTH)
    return features.astype(np.float32), labels, rows


@pytest.fixture
def feature_meta():
    return {
        'checkpoint_sha256': 'c' * 64,
        'dtype': 'float32',
        'feature_dim': WIDTH,
        'num_classes': NUM_CLASSES,
        'num_keyframes': 3,
        'keyframes_per_shard': 2,
        'num_shards': 2,
    }


@pytest.fixture
def keyframe_table():
    return make_keyframe_table(FEATURE_KEYFRAMES)


@pytest.fixture
def feature_dir(tmp_path, feature_rows, feature_meta, keyframe_table):
    """A finished folder: keyframes 0 and 1 in a shard, keyframe 2 in another."""
    folder = tmp_path / 'features' / 'train'
    start_folder(folder, feature_meta, keyframe_table)
    write_shard(folder, 0, *(array[:4] for array in feature_rows))
    write_shard(folder, 1, *(array[4:] for array in feature_rows))
    finish_folder(folder)
    return folder
