from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope
from warm_python import PYTHON

from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'features' / 'extract_video_features.py'
SIZES = ('--short-side', '32', '--crop-size', '24')
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
SECONDS = {'v0': 3, 'v1': 1, 'v2': 4, 'v3': 2}
CONFIG = """
model = dict(
    type='Recognizer2D',
    backbone=dict(
        type='ResNet', depth=18, num_stages=1, out_indices=(0,), strides=(1,), dilations=(1,)
    ),
    cls_head=dict(type='TSNHead', num_classes=5, in_channels=64),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
    ),
)
"""


def _draw_video(path, seconds, seed):
    """Noise that moves, 5 frames a second."""
    frame = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    frame = cv2.resize(frame, (64, 48), interpolation=cv2.INTER_CUBIC)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 48))
    for index in range(5 * seconds):
        writer.write(np.roll(frame, 3 * index, axis=1))
    writer.release()


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """A folder with ``videos``, ``config.py`` and ``weights.pth``."""
    root = tmp_path_factory.mktemp('world')
    (root / 'videos').mkdir()
    for seed, (name, seconds) in enumerate(SECONDS.items()):
        _draw_video(root / 'videos' / f'{name}.mp4', seconds, seed)
    (root / 'config.py').write_text(CONFIG)
    init_default_scope('mmaction')
    torch.manual_seed(0)
    scope = {}
    exec(CONFIG, scope)
    model = MODELS.build(scope['model'])
    torch.save({'state_dict': model.state_dict()}, root / 'weights.pth')
    return root


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('extract_video_features', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _arguments(world, out, *options, videos=None, weights='weights.pth'):
    model = ['--config', world / 'config.py', '--checkpoint', world / weights]
    words = [videos or world / 'videos', '--out', out, *model, *SIZES, '--num-workers', 0, *options]
    return [str(word) for word in words]


@pytest.fixture(scope='module')
def whole(world, tool, tmp_path_factory):
    """Features from one process that was never interrupted."""
    out = tmp_path_factory.mktemp('whole') / 'features'
    assert tool.main(_arguments(world, out)) == 0
    return out


def _files(folder):
    paths = sorted(path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _run(world, out, *options, kill=(), ranks=1, videos=None):
    """The tool in processes of its own, as users start it."""
    script = [Path(__file__).with_name('killed_video_extraction.py'), *kill] if kill else [TOOL]
    launch = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={ranks}']
    arguments = _arguments(world, out, *options, videos=videos)
    command = [PYTHON, *(launch if ranks > 1 else []), *script, *arguments]
    command += ['--launcher', 'pytorch'] if ranks > 1 else []
    return subprocess.run(
        [str(word) for word in command], env=ENV, capture_output=True, text=True, timeout=600
    )


def test_features_of_each_video(world, whole):
    """The recognizer's own backbone over the first frame of each second, as OpenCV reads them."""
    names = {*(f'{name}.npy' for name in SECONDS), 'meta.json'}
    assert set(_files(whole)) == names
    init_default_scope('mmaction')
    scope = {}
    exec(CONFIG, scope)
    model = MODELS.build(scope['model']).eval()
    model.load_state_dict(load_weights_only(world / 'weights.pth')['state_dict'])
    for name, seconds in SECONDS.items():
        capture = cv2.VideoCapture(str(world / 'videos' / f'{name}.mp4'))
        frames = [capture.read()[1] for _ in range(5 * seconds)][::5]
        frames = [cv2.resize(frame[..., ::-1], (43, 32))[4:28, 9:33] for frame in frames]
        inputs = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
        data = model.data_preprocessor({'inputs': [inputs], 'data_samples': None})
        with torch.no_grad():
            expected = model.backbone(data['inputs'][0]).mean((2, 3)).numpy()
        found = np.load(whole / f'{name}.npy')
        assert (found.shape, found.dtype) == ((seconds, 64), np.float32)
        # The two decoders turn YUV into RGB with other rounding.
        np.testing.assert_allclose(found, expected, atol=0.05)


def test_meta_tells_what_the_features_depend_on(whole):
    meta = json.loads((whole / 'meta.json').read_text())
    assert {key: meta[key] for key in ('fps', 'num_frames', 'feature_dim', 'dtype', 'decoder')} == {
        'fps': 1.0,
        'num_frames': 150,
        'feature_dim': 64,
        'dtype': 'float32',
        'decoder': 'decord',
    }


def test_the_dataset_reads_them(whole, tmp_path):
    (tmp_path / 'train.lst').write_text('v2 1,0\nv1 1\n')
    (tmp_path / 'count.lst').write_text('bee 0 1\nbat 1 2\n')
    load = {'type': 'mmlt.LoadFeatureFrames', 'num_frames': 6, 'mode': 'even'}
    dataset = DATASETS.build(
        {
            'type': 'mmlt.VideoLTDataset',
            'ann_file': str(tmp_path / 'train.lst'),
            'count_file': str(tmp_path / 'count.lst'),
            'data_prefix': {'feature': str(whole)},
            'feature_dim': 64,
            'check_files': True,
            'pipeline': [load, {'type': 'mmaction.PackActionInputs'}],
        }
    )
    batch = pseudo_collate([dataset[0], dataset[1]])
    rows = np.load(whole / 'v2.npy')[[0, 0, 1, 1, 2, 3]]
    np.testing.assert_array_equal(batch['inputs'][0], rows)
    np.testing.assert_array_equal(batch['inputs'][1], np.load(whole / 'v1.npy')[[0] * 6])


@pytest.mark.resume
def test_killed_while_it_wrote_a_file(world, whole, tmp_path):
    killed = _run(world, tmp_path, kill=(0, 'v2.npy'))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert {path.name for path in tmp_path.glob('*.npy')} == {'v0.npy', 'v1.npy'}
    assert list(tmp_path.glob('.*.tmp')), 'it was not killed while it wrote'
    written = (tmp_path / 'v1.npy').stat().st_mtime_ns
    resumed = _run(world, tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert 'features of 2 videos, 2 were there before' in resumed.stdout
    assert (tmp_path / 'v1.npy').stat().st_mtime_ns == written, 'a whole file was made again'
    assert _files(tmp_path) == _files(whole)


@pytest.mark.dist
@pytest.mark.resume
def test_one_of_two_ranks_killed(world, whole, tmp_path):
    killed = _run(world, tmp_path, kill=(1, 'v3.npy'), ranks=2)
    assert killed.returncode != 0
    assert (tmp_path / 'v1.npy').exists() and not (tmp_path / 'v3.npy').exists()
    resumed = _run(world, tmp_path, ranks=2)
    assert resumed.returncode == 0, resumed.stderr
    assert _files(tmp_path) == _files(whole)


@pytest.fixture
def broken(world, tmp_path):
    """The videos, one of them cut in half, one more empty."""
    folder = tmp_path / 'videos'
    folder.mkdir()
    for name in SECONDS:
        content = (world / 'videos' / f'{name}.mp4').read_bytes()
        (folder / f'{name}.mp4').write_bytes(content[: len(content) // (1 + (name == 'v1'))])
    (folder / 'v9.mp4').touch()
    return folder


def _read_failures(out):
    with open(out / 'failures.csv', encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def test_broken_videos_are_reported_listed_and_skipped(
    world, tool, whole, broken, tmp_path, capsys
):
    out = tmp_path / 'out'
    assert tool.main(_arguments(world, out, videos=broken)) == 3
    printed = capsys.readouterr()
    for name in ('v1', 'v9'):
        assert f'warning: {broken / name}.mp4 is left out: ' in printed.err
    assert f'2 videos failed: {out / "failures.csv"}' in printed.err
    assert f'{out}: features of 3 videos\n' in printed.out
    failures = _read_failures(out)
    assert [(row['video_id'], row['file']) for row in failures] == [
        (name, str(broken / f'{name}.mp4')) for name in ('v1', 'v9')
    ]
    assert all(f'{row["video_id"]}.mp4' in row['reason'] for row in failures)
    good = {key: value for key, value in _files(whole).items() if key != 'v1.npy'}
    assert {k: v for k, v in _files(out).items() if k != 'failures.csv'} == good

    _draw_video(broken / 'v1.mp4', SECONDS['v1'], 1)  # downloaded again
    (broken / 'v9.mp4').unlink()
    (tmp_path / 'test.lst').write_text('v1 0\nv9 0\n')
    assert tool.main(_arguments(world, out, '--list', tmp_path / 'test.lst', videos=broken)) == 3
    (failure,) = _read_failures(out)
    assert failure == {'video_id': 'v9', 'file': '', 'reason': 'no video file has this id'}
    (tmp_path / 'test.lst').write_text('v1 0\n')
    _draw_video(broken / 'v9.mp4', 1, 9)
    assert tool.main(_arguments(world, out, videos=broken)) == 0
    assert not (out / 'failures.csv').exists()
    assert {k: v for k, v in _files(out).items() if k != 'v9.npy'} == _files(whole)


@pytest.mark.dist
def test_failures_of_two_ranks(world, broken, tmp_path):
    found = _run(world, tmp_path / 'out', '--num-workers', 1, ranks=2, videos=broken)
    assert found.returncode != 0
    assert 'exitcode  : 3' in found.stderr, found.stderr
    assert [row['video_id'] for row in _read_failures(tmp_path / 'out')] == ['v1', 'v9']
    assert {path.stem for path in (tmp_path / 'out').glob('*.npy')} == {'v0', 'v2', 'v3'}


def test_features_that_overflow_are_a_failure(world, tool, tmp_path, capsys):
    state = load_weights_only(world / 'weights.pth')['state_dict']
    state['backbone.layer1.1.conv2.bn.bias'] += 1e5
    torch.save({'state_dict': state}, world / 'huge.pth')
    assert tool.main(_arguments(world, tmp_path / 'out', '--fp16', weights='huge.pth')) == 3
    assert 'v0.mp4 is left out: a feature is not finite as float16' in capsys.readouterr().err
    assert not list((tmp_path / 'out').glob('*.npy'))


def test_options(world, tool, whole, tmp_path):
    options = ('--fps', 2, '--num-frames', 4, '--fp16', '--batch-size', 3, '--decoder', 'opencv')
    assert tool.main(_arguments(world, tmp_path / 'out', *options, '--num-workers', 1)) == 0
    found = np.load(tmp_path / 'out' / 'v2.npy')
    assert (found.shape, found.dtype) == ((4, 64), np.float16)
    np.testing.assert_allclose(found[0], np.load(whole / 'v2.npy')[0], atol=0.05)
    assert np.load(tmp_path / 'out' / 'v1.npy').shape == (2, 64)


def test_features_of_another_backbone_stay(world, tool, whole, capsys):
    before = _files(whole)
    state = load_weights_only(world / 'weights.pth')['state_dict']
    state['backbone.conv1.conv.weight'] += 1
    torch.save({'state_dict': state}, world / 'other.pth')
    for arguments, entry in [
        (_arguments(world, whole, weights='other.pth'), 'weights_sha256'),
        (
            _arguments(world, whole, '--cfg-options', 'model.backbone.norm_eval=True'),
            'model_sha256',
        ),
        (_arguments(world, whole, '--num-frames', 60), 'num_frames: 150 in meta.json, 60 now'),
    ]:
        assert tool.main(arguments) == 2
        error = capsys.readouterr().err
        assert f'error: {whole}: holds features with another {entry}' in error
        assert '--overwrite' in error
    assert _files(whole) == before


def test_a_torchvision_backbone(world, tool, tmp_path):
    """The same network, its weights under torchvision's names."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    backbone = MODELS.build({'type': 'ResNet', 'depth': 18})
    state = backbone.state_dict()
    renamed = {}
    for key, value in state.items():
        key = key.replace('downsample.conv.', 'downsample.0.')
        key = key.replace('downsample.bn.', 'downsample.1.')
        for number in '12':
            key = key.replace(f'conv{number}.conv.', f'conv{number}.')
            key = key.replace(f'conv{number}.bn.', f'bn{number}.')
        renamed[key] = value
    torch.save(renamed, tmp_path / 'resnet18.pth')
    words = [world / 'videos', '--out', tmp_path / 'out', *SIZES, '--num-workers', 0]
    words += ['--backbone', 'torchvision:resnet18', '--weights', tmp_path / 'resnet18.pth']
    assert tool.main([str(word) for word in words]) == 0
    assert np.load(tmp_path / 'out' / 'v0.npy').shape == (3, 512)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--config', 'c.py'], 'give --config and --checkpoint, or --backbone and --weights'),
        (['--backbone', 'timm:x', '--weights', 'w'], 'it must be torchvision:resnet50 or the like'),
        (['--backbone', 'torchvision:x', '--weights', 'w', '--fps', '0'], '--fps must be above 0'),
        (
            ['--backbone', 'torchvision:x', '--weights', 'w', '--crop-size', '257'],
            '--crop-size 257 exceeds --short-side 256',
        ),
        (
            ['--backbone', 'torchvision:x', '--weights', 'w', '--num-frames', '0'],
            '--num-frames must be at least 1',
        ),
    ],
)
def test_bad_arguments(tool, capsys, options, message):
    with pytest.raises(SystemExit):
        tool.main(['videos', '--out', 'out', *options])
    assert message in capsys.readouterr().err


def test_what_cannot_be_opened(world, tool, tmp_path, capsys):
    absent = tmp_path / 'absent'
    for arguments, message in [
        (_arguments(world, tmp_path / 'out', videos=absent), f'{absent}: no such folder'),
        (_arguments(world, tmp_path / 'out', weights='no.pth'), 'no.pth'),
    ]:
        assert tool.main(arguments) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
