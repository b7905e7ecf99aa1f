"""``tools/test.py --tta``: from a checkpoint to the mean over the views, on one rank and on two."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import mmaction
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from warm_python import PYTHON

ROOT = Path(__file__).parents[2]
BASES = ROOT / 'configs' / '_base_' / 'datasets'
SLOWFAST = 'slowfast/slowfast_kinetics400-pretrained-r50_8xb8-8x8x1-20e_ava21-rgb.py'
NUM_KEYFRAMES = 8  # of 23, but where metrics are made
SHORT_SIDES, FLIP_RATIOS = (60, 64, 80), (0, 1)  # toy_tta.py has these sides and no flip
WITH_FLIPS = f"""
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(indices={NUM_KEYFRAMES})
)
flips = [dict(type='Flip', flip_ratio=flip_ratio) for flip_ratio in {FLIP_RATIOS}]
sides, _, shape, pack = _base_.tta_views
tta_pipeline = [
    *_base_.tta_pipeline[:-1],
    dict(type='TestTimeAug', transforms=[sides, flips, shape, pack]),
]
"""
ALL = 'test_dataloader.dataset.indices=None'
SINGLE_VIEW = """
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='SampleAVAFrames', clip_len=8, frame_interval=1, test_mode=True),
    dict(type='RawFrameDecode', io_backend='disk'),
    dict(type='Resize', scale=(-1, {side})),
    dict(type='Flip', flip_ratio={ratio}),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs', meta_keys=(
        'img_shape', 'img_key', 'video_id', 'timestamp', 'flip')),
]))
"""


class Detector(NamedTuple):
    """A working directory, a config with six views, and a checkpoint."""

    root: Path
    config: Path
    checkpoint: Path


def _write_config(path, bases, text=''):
    path.write_text(f'_base_ = {[str(base) for base in bases]!r}\n{text}', encoding='utf-8')
    return path


@pytest.fixture(scope='module')
def slowonly(toy_detector, tmp_path_factory):
    path = tmp_path_factory.mktemp('slowonly') / 'slowonly_tta.py'
    config = _write_config(path, [toy_detector.config, BASES / 'toy_tta.py'], WITH_FLIPS)
    return Detector(toy_detector.root, config, toy_detector.checkpoint)


@pytest.fixture(scope='module')
def slowfast(toy_detector, tmp_path_factory):
    """mmaction2's SlowFast for AVA with few channels, and its own metric beside mmlt's."""
    folder = tmp_path_factory.mktemp('slowfast')
    detection = Path(mmaction.__file__).parent / '.mim' / 'configs' / 'detection'
    model = Config.fromfile(detection / SLOWFAST).model.to_dict()
    backbone, head = model['backbone'], model['roi_head']['bbox_head']
    backbone.update(resample_rate=4)  # 2 slow and 8 fast frames of the toy's 8
    backbone['slow_pathway'].update(base_channels=16)
    backbone['fast_pathway'].update(base_channels=2)
    head.update(in_channels=576, num_classes=31)
    model.update(_delete_=True, init_cfg=None)
    config = _write_config(
        folder / 'slowfast_tta.py',
        [toy_detector.config, BASES / 'toy_tta.py'],
        f"""{WITH_FLIPS}
model = {model!r}
files = {{{{_base_.test_evaluator}}}}
test_evaluator = [
    files,
    dict(
        type='AVAMetric',
        ann_file='data/toy/ava/annotations/test.csv',
        exclude_file='data/toy/ava/annotations/test_excluded_timestamps.csv',
        label_file='data/toy/ava/annotations/label_map.pbtxt',
        num_classes=31,
    ),
]
""",
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        built = MODELS.build(Config.fromfile(config).model)
    built.init_weights()
    torch.save({'state_dict': built.state_dict()}, folder / 'slowfast.pth')
    return Detector(toy_detector.root, config, folder / 'slowfast.pth')


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('mmlt_tools_test_tta', ROOT / 'tools' / 'test.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tool, tmp_path, monkeypatch):
    """Call with a detector and options of the tool: what it dumps, by keyframe."""

    def call(detector, *options):
        dump = tmp_path / 'dumped.pkl'
        arguments = [detector.config, detector.checkpoint, '--work-dir', tmp_path, '--dump', dump]
        monkeypatch.chdir(detector.root)
        monkeypatch.setattr(sys, 'argv', ['test.py', *map(str, [*arguments, *options])])
        tool.main()
        return {(each['video_id'], each['timestamp']): each for each in _read(dump)}

    return call


def _read(path):
    return pickle.loads(path.read_bytes())


# --------------------------------------------------------------------- the mean of separate runs


@pytest.mark.parametrize('name', ['slowonly', 'slowfast'])
def test_equals_the_mean_of_separate_runs(name, run, request, tmp_path):
    detector = request.getfixturevalue(name)
    merged = run(detector, '--tta')
    singles = []
    for side in SHORT_SIDES:
        for ratio in FLIP_RATIOS:
            text = SINGLE_VIEW.format(side=side, ratio=ratio)
            config = _write_config(tmp_path / f'{name}_{side}_{ratio}.py', [detector.config], text)
            singles.append(run(detector._replace(config=config)))
    assert (
        all(single.keys() == merged.keys() for single in singles) and len(merged) == NUM_KEYFRAMES
    )
    spread = []
    for key, sample in merged.items():
        scores = torch.stack([single[key]['pred_instances']['scores'] for single in singles])
        found = sample['pred_instances']
        mean = scores.double().mean(dim=0)
        torch.testing.assert_close(found['scores'].double(), mean, rtol=0, atol=1e-6)
        assert torch.equal(found['bboxes'], singles[0][key]['pred_instances']['bboxes'])
        spread.append(scores.std(dim=0).max().item())
    assert max(spread) > 1e-3  # the views differ by more than what is asserted


def test_what_is_dumped_has_the_fields_of_a_test_without_it(run, slowonly):
    key, plain = next(iter(run(slowonly).items()))
    merged = run(slowonly, '--tta')[key]
    assert merged.keys() == {*plain, 'flip'}
    assert merged['pred_instances'].keys() == plain['pred_instances'].keys()


# ----------------------------------------------------------------------------------- on ranks


def _metrics(detector, ranks, out):
    command = [ROOT / 'tools' / 'dist_test.sh', detector.config, detector.checkpoint, ranks]
    options = ['--tta', '--work-dir', out, '--cfg-options', f'test_evaluator.out_dir={out}', ALL]
    env = {**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
    subprocess.run([*map(str, [*command, *options])], cwd=detector.root, env=env, check=True)
    return json.loads((out / 'metrics.json').read_text(encoding='utf-8'))


@pytest.mark.dist
def test_two_ranks_and_one_rank_give_the_same_metrics(slowonly, tmp_path, run):
    one = _metrics(slowonly, 1, tmp_path / 'one')
    two = _metrics(slowonly, 2, tmp_path / 'two')
    assert one == two and 0 < one['mSAP'] < 1
    out = tmp_path / 'plain'
    run(slowonly, '--cfg-options', f'test_evaluator.0.out_dir={out}', ALL)
    assert json.loads((out / 'metrics.json').read_text(encoding='utf-8'))['mAUC'] != one['mAUC']


# -------------------------------------------------------------------------- beside other options


def test_options_of_the_views_and_another_split(run, slowonly):
    """Six views of the original size, none flipped: the test without augmentation."""
    original = [f'tta_pipeline.2.transforms.0.{i}.scale=(-1,64)' for i in range(3)]
    unflipped = 'tta_pipeline.2.transforms.1.1.flip_ratio=0'
    on_val = ['--data-split', 'val']
    merged = run(slowonly, '--tta', *on_val, '--cfg-options', *original, unflipped)
    plain = run(slowonly, *on_val)
    assert merged.keys() == plain.keys() != run(slowonly).keys()
    for key, sample in plain.items():
        found, expected = (each['pred_instances'] for each in (merged[key], sample))
        torch.testing.assert_close(found['scores'], expected['scores'], rtol=0, atol=1e-6)
        assert torch.equal(found['bboxes'], expected['bboxes'])


def test_keyframes_without_a_person(run, slowonly):
    """Persons of a score above what the toy's detections reach: none anywhere but where one is."""
    options = [
        'test_dataloader.dataset.person_det_score_thr=0.97',
        'test_dataloader.dataset.keep_one_person=False',
        'model.roi_head.bbox_head.type=mmlt.LongTailBBoxHead',  # mmaction2's takes no empty batch
    ]
    merged = run(slowonly, '--tta', '--cfg-options', *options)
    numbers = [len(sample['pred_instances']['scores']) for sample in merged.values()]
    assert min(numbers) == 0 < max(numbers)


# ---------------------------------------------------------------------------------- what it says


def test_a_config_without_views(run, slowonly, toy_detector):
    with pytest.raises(ValueError, match=r'slowonly_toy_ava\.py: the config has no tta_pipeline'):
        run(slowonly._replace(config=toy_detector.config), '--tta')


def test_meta_keys_without_flip(run, slowonly):
    keys = "('img_shape','img_key','video_id','timestamp')"
    options = ['--cfg-options', f'tta_pipeline.2.transforms.3.0.meta_keys={keys}']
    with pytest.raises(ValueError, match="view 0 has no 'flip' in its metainfo.*PackActionInputs"):
        run(slowonly, '--tta', *options)


def test_a_cofinetuned_model(tool, cofinetuned, monkeypatch):
    monkeypatch.chdir(cofinetuned.root)
    arguments = [str(cofinetuned.config), str(cofinetuned.checkpoint), '--tta']
    monkeypatch.setattr(sys, 'argv', ['test.py', *arguments])
    with pytest.raises(ValueError, match=r'\.py: the config tests several datasets \(.*one head'):
        tool.main()


def test_a_checkpoint_of_another_model(run, slowonly, slowfast):
    with pytest.raises(ValueError, match=r'slowfast\.pth: \d+ weights of the model are not in the'):
        run(slowonly._replace(checkpoint=slowfast.checkpoint), '--tta')
