from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS
from mmengine.structures import InstanceData
from warm_python import PYTHON

from mmlt.fileio.box_feature_reader import open_features
from mmlt.fileio.box_features import convert_features
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'features' / 'extract_box_features.py'
QUICK = ['--num-workers', '0', '--keyframes-per-shard', '5', '--batch-size', '3']
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('extract_box_features', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def extract(tool, toy_detector):
    """Run the tool in the toy world; returns its exit code."""

    def run(out, *options, checkpoint=toy_detector.checkpoint, config=toy_detector.config):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(toy_detector.root)
            return tool.main([str(config), str(checkpoint), '--out', str(out), *QUICK, *options])

    return run


@pytest.fixture(scope='module')
def whole(extract, tmp_path_factory):
    """Features of train and test from one process that was never interrupted."""
    out = tmp_path_factory.mktemp('whole')
    assert extract(out, '--data-split', 'train', 'test') == 0
    return out


def _reference_detector(toy_detector, monkeypatch, split, tool):
    """Dataset and detector as a test run has them, and a list of what enters the classifier."""
    monkeypatch.chdir(toy_detector.root)
    config = Config.fromfile(toy_detector.config)
    model = MODELS.build(config.model).eval()
    state = load_weights_only(toy_detector.checkpoint)['state_dict']
    model.load_state_dict(state)
    seen = []
    model.roi_head.bbox_head.fc_cls.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    return DATASETS.build(tool.dataset_config(config, split)), model, seen


def test_proposals_are_what_the_detectors_own_test_sees(toy_detector, whole, monkeypatch, tool):
    dataset, model, seen = _reference_detector(toy_detector, monkeypatch, 'test', tool)
    found = open_features(whole / 'test')
    assert len(found.keyframes) == len(dataset) > 5
    for index in range(len(dataset)):
        (result,) = model.test_step(pseudo_collate([dataset[index]]))
        rows = np.flatnonzero((found.rows['keyframe'] == index) & (found.rows['kind'] == 1))
        torch.testing.assert_close(found.read(rows), seen[-1], rtol=0, atol=1e-5)
        boxes = found.rows['box_xyxy_norm'][rows]
        np.testing.assert_array_equal(boxes, result.pred_instances.bboxes.numpy())
        info = dataset.get_data_info(index)
        np.testing.assert_allclose(found.rows['score'][rows], info['scores'], rtol=1e-6)
        assert found.keyframes[index].tolist() == (info['video_id'], info['timestamp'])
        assert not found.labels[rows].any()


def test_annotated_boxes_as_if_they_were_proposed(toy_detector, whole, monkeypatch, tool):
    dataset, model, seen = _reference_detector(toy_detector, monkeypatch, 'train', tool)
    found = open_features(whole / 'train')
    for index in range(len(dataset)):
        sample = dataset[index]
        boxes = sample['data_samples'].gt_instances.bboxes
        sample['data_samples'].proposals = InstanceData(bboxes=boxes)
        model.test_step(pseudo_collate([sample]))
        rows = np.flatnonzero((found.rows['keyframe'] == index) & (found.rows['kind'] == 0))
        torch.testing.assert_close(found.read(rows), seen[-1], rtol=0, atol=1e-5)
        info = dataset.get_data_info(index)
        np.testing.assert_array_equal(found.labels[rows], info['gt_labels'])
        np.testing.assert_allclose(found.rows['box_xyxy_norm'][rows], info['gt_bboxes'], atol=1e-6)
        assert found.rows['box'][rows].tolist() == list(range(len(boxes)))


def test_training_frames_come_without_augmentation_and_jitter(tool):
    sampling = {'type': 'SampleAVAFrames', 'clip_len': 8}
    own = [dict(sampling), {'type': 'Flip', 'flip_ratio': 0.5}]
    config = Config(
        {
            'train_dataloader': {'dataset': {'type': 'D', 'ann_file': 'train', 'pipeline': own}},
            'val_dataloader': {'dataset': {'type': 'D', 'pipeline': [dict(sampling)]}},
        }
    )
    assert tool.dataset_config(config, 'train') == {
        'type': 'D',
        'ann_file': 'train',
        'pipeline': [{**sampling, 'test_mode': True}],
        'test_mode': True,
    }
    assert config.train_dataloader.dataset.pipeline == own, 'the config was changed'


def test_frames_of_different_sizes_are_not_padded(toy_detector, monkeypatch, tool):
    dataset, model, _ = _reference_detector(toy_detector, monkeypatch, 'test', tool)
    samples = [dataset[index] for index in range(3)]
    samples[1]['inputs'] = samples[1]['inputs'][..., :48, :].contiguous()
    samples[1]['data_samples'].set_metainfo({'img_shape': (48, 96)})
    extract = tool.BoxFeatureExtractor(model)
    together, apart = extract(samples), [extract([sample])[0] for sample in samples]
    for (features, boxes), (expected, expected_boxes) in zip(together, apart):
        np.testing.assert_allclose(features, expected, atol=1e-5)
        np.testing.assert_array_equal(boxes, expected_boxes)


def _files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def _run(toy_detector, out, *options, kill=(), ranks=1):
    """The tool in processes of its own, as users start it."""
    killed = [Path(__file__).with_name('killed_extraction.py'), TOOL.name, *kill]
    script = killed if kill else [TOOL]
    launch = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={ranks}']
    arguments = [
        toy_detector.config,
        toy_detector.checkpoint,
        '--out',
        out,
        '--data-split',
        'train',
    ]
    command = [PYTHON, *(launch if ranks > 1 else []), *script, *arguments, *QUICK]
    command += ['--launcher', 'pytorch'] if ranks > 1 else []
    return subprocess.run(
        [str(word) for word in (*command, *options)],
        cwd=toy_detector.root,
        env=ENV,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.resume
def test_killed_while_it_wrote_a_shard(toy_detector, whole, tmp_path):
    killed = _run(toy_detector, tmp_path, kill=(0, 'shard_00002'))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = tmp_path / 'train' / 'shard_00001' / 'features.npy'
    written = kept.stat().st_mtime_ns
    assert not (tmp_path / 'train' / 'shard_00002').exists()
    resumed = _run(toy_detector, tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert kept.stat().st_mtime_ns == written, 'a finished shard was made again'
    assert _files(tmp_path / 'train') == _files(whole / 'train')


@pytest.mark.dist
@pytest.mark.resume
def test_one_of_two_ranks_killed(toy_detector, whole, tmp_path):
    killed = _run(toy_detector, tmp_path, kill=(1, 'shard_00003'), ranks=2)
    assert killed.returncode != 0
    assert not (tmp_path / 'train' / 'index.json').exists()
    resumed = _run(toy_detector, tmp_path, ranks=2)
    assert resumed.returncode == 0, resumed.stderr
    assert _files(tmp_path / 'train') == _files(whole / 'train')


def test_finished_features_are_left_as_they_are(extract, whole, capsys):
    before = (whole / 'train' / 'index.json').stat().st_mtime_ns
    assert extract(whole, '--data-split', 'train') == 0
    assert 'train: finished before, left as it is' in capsys.readouterr().out
    assert (whole / 'train' / 'index.json').stat().st_mtime_ns == before


def test_a_removed_shard_is_made_again(extract, whole, tmp_path):
    assert extract(tmp_path, '--data-split', 'train') == 0
    shard = tmp_path / 'train' / 'shard_00001'
    for file in shard.iterdir():
        file.unlink()
    shard.rmdir()
    assert extract(tmp_path, '--data-split', 'train') == 0
    assert _files(tmp_path / 'train') == _files(whole / 'train')


def test_half_precision(extract, whole, tmp_path):
    assert extract(tmp_path, '--data-split', 'test', '--fp16') == 0
    half, single = open_features(tmp_path / 'test'), open_features(whole / 'test')
    assert half.shards[0].dtype == torch.float16
    rows = np.arange(len(single.rows))
    assert torch.equal(half.read(rows), single.read(rows).half().float())


def test_features_of_another_detector_stay(extract, whole, tmp_path, toy_detector, capsys):
    checkpoint = load_weights_only(toy_detector.checkpoint)
    checkpoint['state_dict']['backbone.conv1.conv.weight'] += 1
    torch.save(checkpoint, tmp_path / 'other.pth')
    before = _files(whole / 'test')
    assert extract(whole, '--data-split', 'test', checkpoint=tmp_path / 'other.pth') == 2
    assert 'another checkpoint_sha256' in capsys.readouterr().err
    assert _files(whole / 'test') == before
    out = tmp_path / 'out'
    assert extract(out, '--data-split', 'test') == 0
    again = ('--data-split', 'test', '--overwrite')
    assert extract(out, *again, checkpoint=tmp_path / 'other.pth') == 0
    assert _files(out / 'test')['meta.json'] != before['meta.json']


def test_a_checkpoint_of_another_layout(extract, tmp_path, toy_detector, capsys):
    checkpoint = load_weights_only(toy_detector.checkpoint)
    del checkpoint['state_dict']['backbone.conv1.conv.weight']
    torch.save(checkpoint, tmp_path / 'bad.pth')
    assert extract(tmp_path / 'out', checkpoint=tmp_path / 'bad.pth') == 2
    message = capsys.readouterr().err
    assert 'bad.pth does not fit' in message and 'backbone.conv1.conv.weight' in message
    (tmp_path / 'text.pth').write_text('hello')
    assert extract(tmp_path / 'out', checkpoint=tmp_path / 'text.pth') == 2
    assert 'text.pth: not a checkpoint that is safe to load' in capsys.readouterr().err


def test_a_config_without_the_split(extract, tmp_path, capsys):
    options = ['--data-split', 'val', '--cfg-options', 'val_dataloader=None']
    assert extract(tmp_path / 'out', *options) == 2
    assert 'the config has no val_dataloader, whose boxes are' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_classifier_of_two_layers(extract, tmp_path, toy_detector, capsys):
    config = Config.fromfile(toy_detector.config)
    config.model.roi_head.bbox_head.mlp_head = True
    config.dump(tmp_path / 'mlp.py')
    torch.save({'state_dict': MODELS.build(config.model).state_dict()}, tmp_path / 'mlp.pth')
    options = {'checkpoint': tmp_path / 'mlp.pth', 'config': tmp_path / 'mlp.py'}
    assert extract(tmp_path / 'out', **options) == 2
    assert 'fc_cls is Sequential, not a linear layer' in capsys.readouterr().err


def test_a_feature_beyond_half_precision():
    with pytest.raises(ValueError, match='keyframe 7: a feature is not finite as float16'):
        convert_features(np.array([[1e6]], dtype=np.float32), 'float16', 7)
