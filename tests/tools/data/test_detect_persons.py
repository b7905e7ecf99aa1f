from __future__ import annotations

import csv
import importlib.util
import os
import pickle
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from known_persons import (  # own_scope is a fixture
    CONFIG,
    GreenDetector,
    expected_box,
    own_scope,  # noqa: F401
    write_frames,
    write_video,
)
from mmaction.datasets.transforms import SampleAVAFrames
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope, init_default_scope
from warm_python import PYTHON

from mmlt.fileio.proposals import read_proposals

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'data' / 'detect_persons.py'
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
# Any box of a network with random weights, the same on every run.
RETINANET = """
default_scope = 'mmdet'
model = dict(
    type='RetinaNet',
    data_preprocessor=dict(type='DetDataPreprocessor', pad_size_divisor=32),
    backbone=dict(type='ResNet', depth=18, num_stages=2, strides=(1, 2), dilations=(1, 1),
                  out_indices=(0, 1)),
    neck=dict(type='FPN', in_channels=[64, 128], out_channels=8, num_outs=2),
    bbox_head=dict(
        type='RetinaHead', num_classes=2, in_channels=8, stacked_convs=1, feat_channels=8,
        anchor_generator=dict(type='AnchorGenerator', scales=[2], ratios=[1.0], strides=[4, 8]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
    ),
    test_cfg=dict(nms_pre=50, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5),
                  max_per_img=20),
)
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(80, 48), keep_ratio=True),
    dict(type='PackDetInputs',
         meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
names = dict(classes=('dog', 'person'))
dataset = dict(type='CocoDataset', metainfo=names, pipeline=pipeline)
test_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[dataset]))
"""


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('detect_persons', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Two folders of frames at 5 a second, two detectors and their weights."""
    folder = tmp_path_factory.mktemp('persons')
    for name, count in (('a', 40), ('b', 20), ('c', 23)):
        write_frames(folder / 'frames' / name, count)
    (folder / 'green.py').write_text(CONFIG)
    (folder / 'retinanet.py').write_text(RETINANET)
    torch.save({'state_dict': GreenDetector().state_dict()}, folder / 'green.pth')
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(folder / 'retinanet.py').model)
    torch.save({'state_dict': model.state_dict()}, folder / 'retinanet.pth')
    return folder


def _arguments(root, out, *options, videos=None, model='green', weights=None):
    words = [videos or root / 'frames', '--config', root / f'{model}.py', '--out', out]
    words += ['--checkpoint', weights or root / f'{model}.pth', '--fps', 5, *options]
    return [str(word) for word in words]


def _detect(tool, root, out, *options, **how):
    assert tool.main(_arguments(root, out, '--num-workers', 0, *options, **how)) == 0
    return read_proposals(out)


def _centre_frame(second, num_frames, fps=5, start=900, start_index=1, clip_len=4):
    """The number of the middle frame that mmaction2 reads for a keyframe."""
    sampler = SampleAVAFrames(clip_len=clip_len, frame_interval=2, test_mode=True)
    results = dict(fps=fps, timestamp=second, timestamp_start=start, start_index=start_index)
    found = sampler.transform({**results, 'shot_info': (0, num_frames)})
    return int(found['frame_inds'][clip_len // 2])


def test_known_boxes_at_every_second(tool, root, tmp_path):
    """The green box is of the frame on which the clip is centred; 40 frames are 8 seconds."""
    found = _detect(tool, root, tmp_path / 'p.pkl', '--batch-size', 3)
    assert [key for key in found if key[0] == 'a'] == [f'a,{t:04d}' for t in range(900, 908)]
    assert [key for key in found if key[0] == 'c'] == [f'c,{t:04d}' for t in range(900, 905)]
    for second in range(900, 908):
        boxes = found[f'a,{second:04d}']
        number = _centre_frame(second, 40)
        np.testing.assert_allclose(boxes[0, :4], expected_box(number), atol=1e-6)
        np.testing.assert_allclose(boxes[1, :4], [0, 0, 1, 1], atol=1e-6)
        np.testing.assert_allclose(boxes[:, 4], [0.9, 0.3], atol=1e-6)  # no dog, nothing under .05
    content = pickle.loads((tmp_path / 'p.pkl').read_bytes())
    assert {type(content), *map(type, content.values())} == {dict, np.ndarray}


def test_options_of_frames(tool, root, tmp_path):
    for name in ('x', 'sub/y'):
        write_frames(tmp_path / 'v' / name, 12, 'f{:03}.png', 0)
    names = ('--filename-tmpl', 'f{:03}.png', '--start-index', 0, '--timestamp-start', 7)
    options = (*names, '--seconds', 8, 9, '--score-thr', 0.5, '--person-label', 'dog')
    found = _detect(tool, root, tmp_path / 'p.pkl', *options, videos=tmp_path / 'v')
    assert list(found) == ['sub/y,0008', 'sub/y,0009', 'x,0008', 'x,0009']
    number = _centre_frame(9, 12, start=7, start_index=0)
    np.testing.assert_allclose(found['x,0009'], [[*expected_box(number), 0.95]], atol=1e-6)


@pytest.mark.parametrize('decoder', ['decord', 'opencv'])
def test_video_files(tool, root, tmp_path, decoder):
    """At their own rate, counted from 0; reading processes change nothing."""
    write_video(tmp_path / 'v' / 'x.mp4', 35, fps=10)
    write_video(tmp_path / 'v' / 'y.mp4', 11, fps=5)
    arguments = _arguments(root, tmp_path / 'p.pkl', '--timestamp-start', 0, '--decoder', decoder)
    arguments[arguments.index('--fps') :][:2] = []
    arguments = [word for word in arguments if word not in ('--fps', '5')]
    arguments[0] = str(tmp_path / 'v')
    assert tool.main([*arguments, '--num-workers', '2', '--batch-size', '1']) == 0
    found = read_proposals(tmp_path / 'p.pkl')
    assert list(found) == [f'{v},{t:04d}' for v, n in (('x', 4), ('y', 3)) for t in range(n)]
    for key, fps in (('x,0003', 10), ('y,0001', 5)):
        number = _centre_frame(int(key[-1]), 35, fps, start=0, start_index=0)
        np.testing.assert_allclose(found[key][0, :4], expected_box(number), atol=1.1 / 80)


def test_the_dataset_and_its_clip_read_them(tool, root, tmp_path):
    """Of each keyframe the box lies on the green of the clip's middle frame, in pixels."""
    found = _detect(tool, root, tmp_path / 'p.pkl')
    rows = [f'{key},{",".join(map(str, found[key][0, :4]))},1,0\n' for key in found if key < 'b']
    (tmp_path / 'ann.csv').write_text(''.join(rows))
    (tmp_path / 'map.pbtxt').write_text('item {\n  name: "x"\n  id: 1\n}\n')
    pipeline = [
        dict(type='SampleAVAFrames', clip_len=4, frame_interval=1, test_mode=True),
        dict(type='RawFrameDecode'),
        dict(type='Resize', scale=(-1, 96)),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]
    with DefaultScope.overwrite_default_scope('mmaction'):
        dataset = DATASETS.build(
            dict(
                type='mmlt.AVADataset',
                ann_file=str(tmp_path / 'ann.csv'),
                label_file=str(tmp_path / 'map.pbtxt'),
                proposal_file=str(tmp_path / 'p.pkl'),
                person_det_score_thr=0.8,
                data_prefix=dict(img=str(root / 'frames')),
                num_classes=2,
                fps=5,
                timestamp_start=900,
                timestamp_end=908,
                pipeline=pipeline,
                test_mode=True,
            )
        )
        assert len(dataset) == 8
        for sample in map(dataset.__getitem__, range(8)):
            ((x1, y1, x2, y2),) = sample['data_samples'].proposals.bboxes.round().int().tolist()
            green = sample['inputs'][0, 1, 2]  # (1, C, T, H, W): the middle one of four
            assert (y2 - y1, x2 - x1) == (60, 16)
            assert green[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].min() > 127
            green[y1 - 2 : y2 + 2, x1 - 2 : x2 + 2] = 0
            assert green.max() < 127


def test_the_dataset_of_a_feature_bank_reads_them(tool, root, tmp_path):
    """Which needs no annotation; of the threshold its own counts."""
    found = _detect(tool, root, tmp_path / 'p.pkl')
    with DefaultScope.overwrite_default_scope('mmaction'):
        for score_thr, num_persons in ((0.2, 2), (0.8, 1)):
            dataset = DATASETS.build(
                dict(
                    type='mmlt.ProposalDataset',
                    proposal_file=str(tmp_path / 'p.pkl'),
                    pipeline=[],
                    score_thr=score_thr,
                    data_prefix=dict(img=str(root / 'frames')),
                    num_classes=2,
                    fps=5,
                    timestamp_start=900,
                    timestamp_end=908,
                )
            )
            infos = [dataset.get_data_info(index) for index in range(len(dataset))]
            assert [info['img_key'] for info in infos] == list(found)
            assert {len(info['proposals']) for info in infos} == {num_persons}


# ------------------------------------------------------------------------ a detector of mmdet


@pytest.fixture(scope='module')
def whole(tool, root, tmp_path_factory):
    """Boxes of one process that was never interrupted."""
    out = tmp_path_factory.mktemp('whole') / 'p.pkl'
    found = _detect(tool, root, out, model='retinanet')
    assert len(found) == 17 and sum(map(len, found.values())) > 50
    return out


def _files(out):
    folder = Path(f'{out}.parts')
    parts = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*')}
    return {**parts, 'proposals': out.read_bytes() if out.exists() else None}


def _run(root, out, *options, kill=(), ranks=1):
    script = [Path(__file__).with_name('killed_detection.py'), *kill] if kill else [TOOL]
    launch = ['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={ranks}']
    arguments = _arguments(root, out, *options, model='retinanet')
    command = [PYTHON, *(launch if ranks > 1 else []), *script, *arguments]
    command += ['--launcher', 'pytorch'] if ranks > 1 else []
    return subprocess.run(list(map(str, command)), env=ENV, capture_output=True, text=True)


def test_a_detector_of_mmdet_finds_what_its_own_inference_does(whole, root):
    """mmdet's inference_detector on the same images."""
    from mmdet.apis import inference_detector, init_detector

    config = Config.fromfile(root / 'retinanet.py')
    config.test_dataloader.dataset = config.test_dataloader.dataset.datasets[0]
    with pytest.warns(UserWarning):
        model = init_detector(config, str(root / 'retinanet.pth'), palette='coco', device='cpu')
    found = read_proposals(whole)
    for second in (900, 903):
        image = root / 'frames' / 'b' / f'img_{_centre_frame(second, 20):05}.jpg'
        instances = inference_detector(model, str(image)).pred_instances
        instances = instances[instances.labels == 1]
        boxes = (instances.bboxes / torch.tensor([80, 48, 80, 48])).clip(0, 1)
        expected = torch.cat([boxes, instances.scores[:, None]], dim=1)
        np.testing.assert_allclose(found[f'b,{second:04d}'], expected, atol=1e-5)


@pytest.mark.resume
@pytest.mark.parametrize('file', ['b.npy', 'p.pkl'])
def test_killed_and_resumed(root, whole, tmp_path, file):
    out = tmp_path / 'p.pkl'
    killed = _run(root, out, kill=(0, file))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not out.exists() and list(tmp_path.rglob('.*.tmp'))
    written = (tmp_path / 'p.pkl.parts' / 'a.npy').stat().st_mtime_ns
    resumed = _run(root, out)
    assert resumed.returncode == 0, resumed.stderr
    assert f'of 3 videos, {3 if file == "p.pkl" else 1} of them were done before' in resumed.stdout
    assert (tmp_path / 'p.pkl.parts' / 'a.npy').stat().st_mtime_ns == written
    assert _files(out) == _files(whole)


@pytest.mark.dist
@pytest.mark.resume
def test_one_of_two_ranks_killed(root, whole, tmp_path):
    killed = _run(root, tmp_path / 'p.pkl', kill=(1, 'b.npy'), ranks=2)
    assert killed.returncode != 0 and not (tmp_path / 'p.pkl').exists()
    resumed = _run(root, tmp_path / 'p.pkl', ranks=2)
    assert resumed.returncode == 0, resumed.stderr
    assert _files(tmp_path / 'p.pkl') == _files(whole)


# ------------------------------------------------------------------------------ what is wrong


def test_unreadable_videos_are_told_and_left_out(tool, root, tmp_path, capsys):
    videos, out = tmp_path / 'v', tmp_path / 'p.pkl'
    for name in 'wxyz':
        write_frames(videos / name, 15)
    (videos / 'w' / 'img_00001.jpg').unlink()
    (videos / 'x' / 'img_00007.jpg').write_bytes(b'no image')
    (videos / 'y' / 'img_00012.jpg').unlink()
    (videos / 'empty').mkdir()
    arguments = _arguments(root, out, '--num-workers', 1, videos=videos)
    assert tool.main(arguments) == 3
    printed = capsys.readouterr()
    assert '4 videos failed' in printed.err
    with open(tmp_path / 'p.pkl.parts' / 'failures.csv', encoding='utf-8', newline='') as file:
        failures = {row['video_id']: row['reason'] for row in csv.DictReader(file)}
    assert failures == {
        'empty': f'{videos / "empty" / "img_00001.jpg"} does not exist',
        'w': f'{videos / "w" / "img_00001.jpg"} does not exist',
        'x': f'{videos / "x" / "img_00007.jpg"}: not a readable image',
        'y': f'{videos / "y" / "img_00012.jpg"} does not exist',
    }
    assert list(read_proposals(out)) == ['z,0900', 'z,0901', 'z,0902']
    for name in 'wxy':
        for file in (videos / name).iterdir():
            file.unlink()
        (videos / name).rmdir()
        write_frames(videos / name, 15)
    (videos / 'empty').rmdir()
    assert tool.main(arguments) == 0
    assert len(read_proposals(out)) == 12
    assert not (tmp_path / 'p.pkl.parts' / 'failures.csv').exists()


def test_videos_that_end_early(tool, root, tmp_path, capsys):
    arguments = _arguments(root, tmp_path / 'p.pkl', '--seconds', 904, 907, '--num-workers', 0)
    assert tool.main(arguments) == 3
    told = capsys.readouterr().err
    assert 'b ends before the seconds 904 to 907 that are asked for' in told
    assert f'warning: {root / "frames" / "c"} ends before second 905\n' in told
    assert list(read_proposals(tmp_path / 'p.pkl')) == [
        *(f'a,{second:04d}' for second in range(904, 908)),
        'c,0904',
    ]


def test_boxes_of_other_things_stay(tool, root, tmp_path, capsys):
    out = tmp_path / 'p.pkl'
    _detect(tool, root, out)
    before = _files(out)
    state = GreenDetector().state_dict()
    state['scale'] += 0.5
    torch.save({'state_dict': state}, tmp_path / 'other.pth')
    for how, entry in [
        (dict(weights=tmp_path / 'other.pth'), 'weights_sha256'),
        (dict(model='retinanet'), 'weights_sha256'),
        (dict(option=('--score-thr', 0.5)), 'score_thr: 0.05 in meta.json, 0.5 now'),
        (dict(option=('--seconds', 901, 902)), 'seconds: None in meta.json, [901, 902] now'),
        (dict(option=('--fps', 4)), 'fps: 5.0 in meta.json, 4.0 now'),
        (
            dict(option=('--cfg-options', 'test_dataloader.dataset.pipeline.1.keep_ratio=False')),
            'config_sha256',
        ),
    ]:
        option = how.pop('option', ())
        assert tool.main(_arguments(root, out, *option, **how)) == 2
        error = capsys.readouterr().err
        assert f'error: {out}.parts: holds boxes with another {entry}' in error
        assert _files(out) == before
    assert len(_detect(tool, root, out, '--score-thr', 0.5, '--overwrite')['a,0900']) == 1
    (tmp_path / 'mine.pkl').write_bytes(b'x')
    assert tool.main(_arguments(root, tmp_path / 'mine.pkl')) == 2
    assert 'mine.pkl: exists already; pass --overwrite' in capsys.readouterr().err


def _other_weights(root, path, change):
    content = {'state_dict': GreenDetector().state_dict()}
    change(content)
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: c['state_dict'].clear(), 'holds no weights'),
        (lambda c: c['state_dict'].update(more=torch.ones(1)), r'does not fit .*green\.py.*more'),
        (lambda c: c['state_dict'].update(scale=torch.ones(2)), r'does not fit .*size mismatch'),
        (lambda c: c.update(meta=Path('x')), 'not a checkpoint that is safe to load'),
        (
            lambda c: c.update(meta={'dataset_meta': {'CLASSES': ('cat', 'cow')}}),
            '--person-label person: the detector has no such class; its 2 are cat, cow',
        ),
    ],
)
def test_checkpoints_that_are_refused(tool, root, tmp_path, capsys, change, message):
    weights = _other_weights(root, tmp_path / 'w.pth', change)
    assert tool.main(_arguments(root, tmp_path / 'p.pkl', weights=weights)) == 2
    (error,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith('error: ')]
    assert re.search(message, error), error
    assert not (tmp_path / 'p.pkl.parts').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--seconds', '899', '905'], '--seconds 899 905 must ascend from --timestamp-start 900'),
        (['--seconds', '905', '904'], '--seconds 905 904 must ascend'),
        (['--batch-size', '0'], '--batch-size must be at least 1'),
        (['--fps', '0'], '--fps must be above 0'),
        (['--score-thr', '1.5'], '--score-thr must be from 0 to 1'),
    ],
)
def test_bad_arguments(tool, root, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit):
        tool.main([*_arguments(root, tmp_path / 'p.pkl'), *options])
    assert message in capsys.readouterr().err
