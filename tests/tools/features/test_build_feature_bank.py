from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS
from warm_python import PYTHON

from mmlt.fileio.feature_bank_reader import open_feature_bank
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'features' / 'build_feature_bank.py'
QUICK = ['--num-workers', '0', '--keyframes-per-shard', '5', '--batch-size', '3']
QUICK += ['--score-thr', '0.5']
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
ANNOTATIONS = Path('data/toy/ava/annotations')


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('build_feature_bank', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def build(tool, toy_detector):
    """Run the tool in the toy world, or in a folder like it; returns its exit code."""

    def run(out, *options, checkpoint=None, config=None, root=toy_detector.root):
        words = [config or toy_detector.config, checkpoint or toy_detector.checkpoint, '--out', out]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(root)
            return tool.main([*map(str, words), *QUICK, *options])

    return run


@pytest.fixture(scope='module')
def whole(build, tmp_path_factory):
    """The banks of train and val from one process that was never interrupted."""
    out = tmp_path_factory.mktemp('whole')
    assert build(out, '--data-split', 'train', 'val') == 0
    return out


@pytest.fixture
def own_world(toy_detector, tmp_path):
    """A working directory whose annotations and proposals may be changed."""
    ava = tmp_path / 'own' / 'data' / 'toy' / 'ava'
    ava.mkdir(parents=True)
    shared = toy_detector.root / 'data' / 'toy' / 'ava'
    shutil.copytree(shared / 'annotations', ava / 'annotations')
    (ava / 'rawframes').symlink_to(shared / 'rawframes')
    return tmp_path / 'own'


def _files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _proposals(root, split):
    return pickle.loads((root / ANNOTATIONS / f'{split}_proposals.pkl').read_bytes())


def test_persons_are_the_proposals_above_the_threshold(toy_detector, whole):
    for split in ('train', 'val'):
        expected = {}
        for key, boxes in _proposals(toy_detector.root, split).items():
            boxes = sorted((row for row in boxes.tolist() if row[4] > 0.5), key=lambda r: -r[4])
            if boxes:
                expected[key] = boxes
        bank = open_feature_bank(whole / split)
        keys = [f'{video},{second:04d}' for video, second, _ in bank.keyframes.tolist()]
        assert keys == sorted(expected) and len(keys) > 10
        rows = [row for key in keys for row in expected[key]]
        np.testing.assert_allclose(bank.persons['score'], [row[4] for row in rows], rtol=1e-6)
        boxes = np.array([row[:4] for row in rows])
        np.testing.assert_allclose(bank.persons['box_xyxy_norm'], boxes, rtol=1e-6)
        assert bank.meta['score_thr'] == 0.5
        size = bank.meta['keyframes_per_shard']
        assert size == 5 and len(bank.shards) == bank.meta['num_shards'] == -(-len(keys) // 5) > 2


def test_features_are_what_the_detectors_own_test_sees(toy_detector, whole, monkeypatch):
    monkeypatch.chdir(toy_detector.root)
    config = Config.fromfile(toy_detector.config)
    model = MODELS.build(config.model).eval()
    model.load_state_dict(load_weights_only(toy_detector.checkpoint)['state_dict'])
    seen = []
    model.roi_head.bbox_head.fc_cls.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    dataset = DATASETS.build(config.val_dataloader.dataset)
    bank, compared = open_feature_bank(whole / 'val'), 0
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        order = np.argsort(-info['scores'], kind='stable')
        order = order[info['scores'][order] > 0.5]
        if not len(order):
            continue
        model.test_step(pseudo_collate([dataset[index]]))
        size = dict(window_sec=1, max_persons=len(order))
        features, mask = bank.window(info['video_id'], info['timestamp'], **size)
        assert mask.all()
        expected = seen[-1].detach()[torch.from_numpy(order)].numpy()
        np.testing.assert_allclose(features[0], expected, rtol=0, atol=1e-5)
        compared += 1
    assert compared > 5


def test_annotations_make_no_difference(build, whole, own_world):
    """Of val half of the annotated keyframes are taken away, and the labels of the others."""
    annotations = own_world / ANNOTATIONS
    rows = (annotations / 'val.csv').read_text().splitlines()
    keyframes = sorted({tuple(row.split(',')[:2]) for row in rows})
    kept = [row.split(',') for row in rows if tuple(row.split(',')[:2]) in keyframes[::2]]
    changed = [','.join([*row[:2], '0.4', '0.4', '0.6', '0.6', '1', '0']) for row in kept]
    (annotations / 'val.csv').write_text('\n'.join(changed) + '\n')
    assert build(own_world / 'changed', '--data-split', 'val', root=own_world) == 0
    assert _files(own_world / 'changed' / 'val') == _files(whole / 'val')
    for file in annotations.iterdir():
        if file.name != 'val_proposals.pkl':
            file.unlink()
    assert build(own_world / 'removed', '--data-split', 'val', root=own_world) == 0
    assert _files(own_world / 'removed' / 'val') == _files(whole / 'val')


def test_a_keyframe_that_nobody_annotated(build, own_world, whole):
    path = own_world / ANNOTATIONS / 'val_proposals.pkl'
    proposals = _proposals(own_world, 'val')
    rows = (own_world / ANNOTATIONS / 'val.csv').read_text().splitlines()
    annotated = {f'{row.split(",")[0]},{int(row.split(",")[1]):04d}' for row in rows}
    video = min(proposals).rpartition(',')[0]
    key = next(k for k in (f'{video},{s:04d}' for s in range(901, 927)) if k not in annotated)
    proposals[key] = np.array([[0.1, 0.2, 0.6, 0.7, 0.55], [0.3, 0.2, 0.6, 0.7, 0.65]])
    path.write_bytes(pickle.dumps(proposals))
    assert build(own_world / 'bank', '--data-split', 'val', root=own_world) == 0
    bank, without = open_feature_bank(own_world / 'bank' / 'val'), open_feature_bank(whole / 'val')
    size = dict(window_sec=1, max_persons=5)
    features, mask = bank.window(video, int(key[-4:]), **size)
    assert mask.tolist() == [[True, True, False, False, False]]
    assert features[0, :2].any(axis=1).all()
    assert not without.window(video, int(key[-4:]), **size)[1].any()
    place = bank.keyframes['timestamp'].tolist().index(int(key[-4:]), bank.videos[video][0])
    row = int(bank.keyframes['first_row'][place])
    np.testing.assert_allclose(bank.persons['score'][row : row + 2], [0.65, 0.55], rtol=1e-6)


def test_the_threshold_is_never_lowered(build, own_world, whole):
    """A keyframe whose best person is at the threshold has no person."""
    path = own_world / ANNOTATIONS / 'val_proposals.pkl'
    proposals = _proposals(own_world, 'val')
    bank = open_feature_bank(whole / 'val')
    video, second, _ = bank.keyframes[3].tolist()
    proposals[f'{video},{second:04d}'][:, 4] = 0.5
    path.write_bytes(pickle.dumps(proposals))
    assert build(own_world / 'bank', '--data-split', 'val', root=own_world) == 0
    changed = open_feature_bank(own_world / 'bank' / 'val')
    expected = [row[:2] for row in bank.keyframes.tolist()]
    assert [row[:2] for row in changed.keyframes.tolist()] == expected[:3] + expected[4:]


# --------------------------------------------------------------------------- killed and resumed


def _run(toy_detector, out, *options, kill=(), ranks=1):
    """The tool in processes of its own, as users start it."""
    killed = [Path(__file__).with_name('killed_extraction.py'), TOOL.name, *kill]
    script = killed if kill else [TOOL]
    launch = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={ranks}']
    arguments = [toy_detector.config, toy_detector.checkpoint, '--out', out]
    arguments += ['--data-split', 'train']
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
    killed = _run(toy_detector, tmp_path, kill=(0, 'shard_00002.npy'))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = tmp_path / 'train' / 'shard_00001.npy'
    written = kept.stat().st_mtime_ns
    assert not (tmp_path / 'train' / 'shard_00002.npy').exists()
    resumed = _run(toy_detector, tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert kept.stat().st_mtime_ns == written, 'a finished shard was made again'
    assert _files(tmp_path / 'train') == _files(whole / 'train')


@pytest.mark.dist
@pytest.mark.resume
def test_one_of_two_ranks_killed(toy_detector, whole, tmp_path):
    """The bank of two ranks, one of them killed, resumed, is that of one rank, byte for byte."""
    killed = _run(toy_detector, tmp_path, kill=(1, 'shard_00003.npy'), ranks=2)
    assert killed.returncode != 0
    left = {path.name for path in (tmp_path / 'train').glob('[!.]*')}
    assert 'shard_00001.npy' in left and not left & {'shard_00003.npy', 'index.json'}
    resumed = _run(toy_detector, tmp_path, ranks=2)
    assert resumed.returncode == 0, resumed.stderr
    assert _files(tmp_path / 'train') == _files(whole / 'train')


def test_a_finished_bank_is_left_as_it_is(build, whole, capsys):
    before = (whole / 'train' / 'index.json').stat().st_mtime_ns
    assert build(whole, '--data-split', 'train') == 0
    assert 'train: finished before, left as it is' in capsys.readouterr().out
    assert (whole / 'train' / 'index.json').stat().st_mtime_ns == before


def test_shards_that_are_missing_or_cut_off_are_made_again(build, whole, tmp_path):
    shutil.copytree(whole / 'val', tmp_path / 'val')
    cut = tmp_path / 'val' / 'shard_00001.npy'
    cut.write_bytes(cut.read_bytes()[:-5])
    (tmp_path / 'val' / 'shard_00000.npy').unlink()
    (tmp_path / 'val' / 'persons.npy').unlink()
    assert build(tmp_path, '--data-split', 'val') == 0
    assert _files(tmp_path / 'val') == _files(whole / 'val')


def test_half_precision(build, whole, tmp_path):
    assert build(tmp_path, '--data-split', 'val', '--fp16') == 0
    half, single = open_feature_bank(tmp_path / 'val'), open_feature_bank(whole / 'val')
    for found, expected in zip(half.shards, single.shards):
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found, expected.astype(np.float16))


# --------------------------------------------------------------------------- what is refused


def test_another_bank_stays(build, whole, tmp_path, toy_detector, capsys):
    checkpoint = load_weights_only(toy_detector.checkpoint)
    checkpoint['state_dict']['backbone.conv1.conv.weight'] += 1
    other = tmp_path / 'other.pth'
    torch.save(checkpoint, other)
    before = _files(whole / 'val')
    assert build(whole, '--data-split', 'val', checkpoint=other) == 2
    assert 'another checkpoint_sha256' in capsys.readouterr().err
    assert build(whole, '--data-split', 'val', '--score-thr', '0.6') == 2
    assert 'val: holds features with another config_sha256' in capsys.readouterr().err
    assert _files(whole / 'val') == before
    shutil.copytree(whole / 'val', tmp_path / 'val')
    assert build(tmp_path, '--data-split', 'val', '--overwrite', checkpoint=other) == 0
    assert _files(tmp_path / 'val')['shard_00000.npy'] != before['shard_00000.npy']


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('val_dataloader=None', 'the config has no val_dataloader'),
        ('val_dataloader.dataset.proposal_file=None', 'has no proposal_file: the persons of a'),
        ('val_dataloader.dataset.type=VideoDataset', 'is of type VideoDataset: a bank is made of'),
        ('model.roi_head.long_term.num_blocks=2', 'its model has a long-term branch'),
        ('model.roi_head.shared_head.type=FBOHead', 'its model has a long-term branch'),
    ],
)
def test_a_config_that_makes_no_bank(build, tmp_path, capsys, option, message):
    assert build(tmp_path / 'out', '--data-split', 'val', '--cfg-options', option) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_nobody_above_the_threshold(build, tmp_path, capsys):
    assert build(tmp_path / 'out', '--data-split', 'val', '--score-thr', '1') == 2
    assert 'no person has a score above score_thr=1.0' in capsys.readouterr().err


def test_the_bank_step_of_a_config_is_left_out(tool):
    steps = [
        {'type': 'SampleAVAFrames', 'clip_len': 8},
        {'type': 'mmlt.LoadFeatureBank', 'bank_dir': 'nowhere'},
        {'type': 'PackActionInputs', 'algorithm_keys': ('long_term', 'other')},
    ]
    dataset = {
        'type': 'mmlt.AVADataset',
        'ann_file': 'val.csv',
        'exclude_file': 'excluded.csv',
        'persons': 'ground_truth',
        'proposal_file': 'proposals.pkl',
        'pipeline': steps,
        'timestamp_start': 901,
    }
    config = Config({'val_dataloader': {'dataset': dataset}})
    assert tool.proposal_config(config, 'val', 0.8) == {
        'type': 'mmlt.ProposalDataset',
        'proposal_file': 'proposals.pkl',
        'pipeline': [
            {'type': 'SampleAVAFrames', 'clip_len': 8, 'test_mode': True},
            {'type': 'PackActionInputs', 'algorithm_keys': ['other']},
        ],
        'timestamp_start': 901,
        'test_mode': True,
        'score_thr': 0.8,
    }


@pytest.mark.parametrize('value', ['-0.1', '1.5'])
def test_a_threshold_that_is_no_score(build, tmp_path, value, capsys):
    with pytest.raises(SystemExit):
        build(tmp_path, '--score-thr', value)
    assert '--score-thr must lie between 0 and 1' in capsys.readouterr().err
