"""One decode feeds the forward in order and the shuffled ones, and every evaluator."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.structures import InstanceData
from warm_python import PYTHON

from mmlt.functional import read_ava_csv, shuffled_frame_order

ROOT = Path(__file__).parents[3]
WORLD = ROOT / 'tests' / 'data' / 'hand_world'


def _result(folder):
    return json.loads((Path(folder) / 'shuffle_bias.json').read_text(encoding='utf-8'))


def test_hand_computed(clips, tmp_path):
    """5 videos, 3 of class 'order', which is lost with the order, 2 of class 'looks'."""
    runner = clips.build_runner(tmp_path, num_shuffles=4)
    metrics = runner.test()
    assert metrics['shuffle_bias/accuracy/original'] == 1
    assert metrics['shuffle_bias/accuracy/shuffled'] == pytest.approx(2 / 5)
    assert metrics['shuffle_bias/accuracy/log_ratio'] == pytest.approx(math.log(5 / 2))
    assert metrics['shuffle_bias/accuracy/log_ratio_std_error'] == 0
    found = _result(runner.log_dir)
    assert (found['num_shuffles'], found['seed'], found['num_samples']) == (4, 0, 5)
    assert found['metrics']['accuracy']['shuffles'] == [0.4] * 4
    order, looks = found['per_class']['order'], found['per_class']['looks']
    assert (order['num_videos'], order['original'], order['shuffled']) == (3, 1, 0)
    assert order['log_ratio'] == 'inf'
    assert (looks['num_videos'], looks['shuffled'], looks['log_ratio']) == (2, 1, 0)


def test_each_video_is_decoded_once(clips, tmp_path):
    runner = clips.build_runner(tmp_path, num_shuffles=4)
    runner.test()
    packed = runner.test_loop.dataloader.dataset.pipeline.transforms[0].packed
    assert sorted(packed) == [f'videos/{i}.mp4' for i in range(5)]


@pytest.mark.parametrize('batch_size', [1, 3])
def test_orders_are_those_of_the_functional(clips, tmp_path, batch_size):
    model = clips.Looker()
    clips.build_runner(tmp_path, model=model, seed=7, num_shuffles=2, batch_size=batch_size).test()
    assert len(model.seen) == 5 * 3
    expected = {}
    for index in range(5):
        bright = clips.BRIGHT * (index % 2)
        orders = [shuffled_frame_order(f'{index}', 2, 8, seed=7, shuffle=k) for k in (1, 2)]
        shown = [np.tile(np.arange(8), (2, 1)), *orders]
        expected[f'videos/{index}.mp4'] = [(order + bright).tolist() for order in shown]
    for name, windows in expected.items():
        assert [seen for video, seen in model.seen if video == name] == windows


@pytest.mark.parametrize(('layout', 'format_shape'), [('CTHW', 'NCTHW'), ('NCHW', 'NCHW')])
def test_four_axes(clips, tmp_path, layout, format_shape):
    """One collapsed clip of a 3D model, and the frames of a 2D one."""
    num_windows = 1 if layout == 'CTHW' else 3
    model = clips.Looker(format_shape)
    dataset = clips.OrderedClips(1, layout, num_windows)
    clips.build_runner(tmp_path, model=model, dataset=dataset, num_shuffles=1).test()
    assert model.seen[0][1] == [list(range(8))] * num_windows
    assert model.seen[1][1] == shuffled_frame_order('0', num_windows, 8).tolist()


def test_any_other_evaluator_judges_every_stream(clips, tmp_path):
    evaluator = [{'type': 'AccMetric'}]
    runner = clips.build_runner(tmp_path, evaluator=evaluator, num_shuffles=2)
    metrics = runner.test()
    assert metrics['acc/top1'] == 1  # its own key keeps its value in order
    assert metrics['shuffle_bias/acc/top1/shuffled'] == pytest.approx(2 / 5)
    rows = _result(runner.log_dir)['metrics']
    assert rows['acc/top1'] == rows['accuracy']
    # the mean over three classes: mmaction2 counts class 2, which is only ever a wrong answer
    assert rows['acc/mean1']['shuffled'] == pytest.approx(1 / 3)


def test_detectors_of_ava(clips, tmp_path):
    """mAP and AP of each action, in order and shuffled, each stream with its own files."""
    rows = read_ava_csv(WORLD / 'detections.csv')

    class Keyframes(clips.OrderedClips):
        def __getitem__(self, index):
            video, time = (('v', 1), ('v', 2), ('w', 1))[index]
            names = rows.video_names[rows.video_index]
            own = (names == video) & (rows.timestamps == time)
            item = super().__getitem__(index)
            sample = item['data_samples']
            del sample.gt_label
            scores = torch.zeros(own.sum() // 4, 8)
            scores[:, [1, 2, 5, 7]] = torch.from_numpy(rows.scores[own]).float().reshape(-1, 4)
            boxes = torch.from_numpy(rows.boxes_xyxy_norm[own][::4]).float()
            sample.truth = InstanceData(bboxes=boxes, scores=scores)
            keys = {'img_key': f'{video},{time:04d}', 'video_id': video, 'timestamp': time}
            sample.set_metainfo(keys)
            return item

    metric = {
        'type': 'mmlt.AVALongTailMetric',
        'ann_file': str(WORLD / 'ground_truth.csv'),
        'label_file': str(WORLD / 'label_map.pbtxt'),
    }
    runner = clips.build_runner(
        tmp_path,
        model=clips.Detector(),
        dataset=Keyframes(3, 'CTHW', 1),
        evaluator=[metric],
        num_shuffles=2,
    )
    metrics = runner.test()
    folder = Path(runner.log_dir)
    assert metrics['ava/mSAP'] == pytest.approx(7 / 9)  # as without the loop
    streams = [folder, folder / 'shuffled_1', folder / 'shuffled_2']
    written = [json.loads((path / 'metrics.json').read_text()) for path in streams]
    found = _result(folder)
    assert set(found['per_class']) == set()
    assert 'accuracy' not in found['metrics']
    for key in ('ava/mSAP', 'ava/frame_mAP', 'ava/AP/stand'):
        values = [_pick(metrics, key) for metrics in written]
        row = found['metrics'][key]
        assert [row['original'], *row['shuffles']] == values
        assert values[0] > values[1] == values[2]
    assert metrics['shuffle_bias/ava/mSAP/log_ratio'] == found['metrics']['ava/mSAP']['log_ratio']
    assert len(list(tmp_path.rglob('metrics.json'))) == 3


def _pick(metrics, key):
    if '/AP/' in key:
        return metrics['per_class'][key.split('/')[-1]]['AP']
    return metrics[key.split('/')[-1]]


class Scores(BaseMetric):
    """Keeps the scores of each video."""

    def process(self, data_batch, data_samples):
        self.results += [(s['filename'], s['pred_score'].tolist()) for s in data_samples]

    def compute_metrics(self, results):
        self.found = dict(results)
        return {}


def _recognizer(average_clips='prob'):
    from mmaction.registry import MODELS
    from mmengine.registry import DefaultScope

    backbone = dict(type='ResNet3d', depth=18, base_channels=4, num_stages=2, out_indices=(1,))
    backbone.update(stage_blocks=(1, 1), pretrained=None, pretrained2d=False, with_pool2=False)
    for name, value in (('spatial', (1, 2)), ('temporal', (1, 1))):
        backbone[f'{name}_strides'] = value
    backbone.update(dilations=(1, 1), inflate=(1, 1))
    head = dict(type='I3DHead', num_classes=3, in_channels=8, average_clips=average_clips)
    norm = dict(type='ActionDataPreprocessor', mean=[128] * 3, std=[64] * 3, format_shape='NCTHW')
    cfg = dict(type='Recognizer3D', backbone=backbone, cls_head=head, data_preprocessor=norm)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg)
    torch.nn.init.normal_(model.cls_head.fc_cls.weight)
    return model.eval()


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Three videos of 7, 9 and 3 frames of noise, with a list of them."""
    folder = tmp_path_factory.mktemp('videos')
    rng = np.random.default_rng(0)
    for number, frames in enumerate((7, 9, 3)):
        code = cv2.VideoWriter_fourcc(*'MJPG')
        writer = cv2.VideoWriter(str(folder / f'v{number}.avi'), code, 8, (32, 32))
        for _ in range(frames):
            writer.write(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        writer.release()
    (folder / 'list.txt').write_text('v0.avi 0\nv1.avi 1\nv2.avi 2\n')
    return folder


def _dataset(videos, *shuffling):
    return {
        'type': 'VideoDataset',
        'ann_file': str(videos / 'list.txt'),
        'data_prefix': {'video': str(videos)},
        'pipeline': [
            {'type': 'OpenCVInit'},
            {'type': 'mmlt.SlidingWindowFrames', 'clip_len': 4, 'stride': 2},
            {'type': 'OpenCVDecode'},
            *shuffling,
            {'type': 'ThreeCrop', 'crop_size': (16, 32)},
            {'type': 'FormatShape', 'input_format': 'NCTHW'},
            {'type': 'PackActionInputs', 'meta_keys': ('filename', 'num_clips', 'clip_len')},
        ],
        'test_mode': True,
    }


def test_equals_separate_runs_of_a_recognizer(clips, tmp_path, videos):
    """To the last bit: one pass, and a run for each shuffle with ``mmlt.ShuffleFrames``."""
    model = _recognizer()
    runner = clips.build_runner(
        tmp_path / 'one', model=model, dataset=_dataset(videos), evaluator=[Scores()], seed=5,
        num_shuffles=2,
    )  # fmt: skip
    runner.test()
    streams = [metrics[0].found for metrics in runner.test_loop.evaluator.metrics[0].streams]
    assert len(streams) == 3
    for number, of_stream in enumerate(streams):
        shuffling = [{'type': 'mmlt.ShuffleFrames', 'seed': 5, 'shuffle': number}][:number]
        scores = Scores()
        other = clips.build_runner(
            tmp_path / f'run{number}', model=model, dataset=_dataset(videos, *shuffling),
            evaluator=[scores], type='TestLoop',
        )  # fmt: skip
        other.test()
        assert scores.found == of_stream
    assert streams[0] != streams[1] != streams[2]


def test_wrapped_datasets(clips, tmp_path):
    dataset = clips.OrderedClips()
    wrapped = torch.utils.data.ConcatDataset([dataset])
    metrics = clips.build_runner(tmp_path, dataset=wrapped).test()
    assert metrics['shuffle_bias/accuracy/original'] == 1


@pytest.mark.dist
def test_two_ranks_equal_one(clips, tmp_path):
    """5 videos on two ranks: the first one pads the second rank's share."""
    script = Path(__file__).with_name('ordered_clips.py')
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    for world_size in (1, 2):
        job = tmp_path / f'job{world_size}'
        ranks = [
            subprocess.Popen(
                [PYTHON, script, str(rank), str(world_size), f'{job}.meet', job, job],
                cwd=tmp_path,
                env=env,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(world_size)
        ]
        errors = [rank.communicate(timeout=300)[1] for rank in ranks]
        assert [rank.returncode for rank in ranks] == [0] * world_size, errors
    one = json.loads((tmp_path / 'job1.rank0.json').read_text())
    for rank in range(2):
        assert json.loads((tmp_path / f'job2.rank{rank}.json').read_text()) == one
    assert _result(tmp_path / 'job2') == _result(tmp_path / 'job1')
    assert _result(tmp_path / 'job2')['num_samples'] == 5
    assert not (tmp_path / '.dist_test').exists()
    assert not list(tmp_path.rglob('.collect-*'))


@pytest.mark.parametrize('value', [0, 1.5, True])
def test_bad_num_shuffles(clips, tmp_path, value):
    with pytest.raises(ValueError, match='num_shuffles must be an integer of at least 1'):
        clips.build_runner(tmp_path, num_shuffles=value).test()


def test_bad_seed(clips, tmp_path):
    with pytest.raises(ValueError, match='seed must be an integer of at least 0, got -1'):
        clips.build_runner(tmp_path, seed=-1).test()


def test_two_comparing_metrics(clips, tmp_path):
    evaluator = [{'type': 'mmlt.ShuffleBiasMetric'}] * 2
    with pytest.raises(ValueError, match='names 2 metrics that compare streams'):
        clips.build_runner(tmp_path, evaluator=evaluator).test()


@pytest.mark.parametrize(
    ('drop', 'message'),
    [
        (('filename',), 'none of img_key, filename and frame_dir'),
        (('num_clips', 'clip_len'), '0: the sample carries no num_clips, clip_len'),
    ],
)
def test_samples_that_do_not_say_what_they_are(clips, tmp_path, drop, message):
    class Silent(clips.Pack):
        """Packs only what the loop cannot do without, less what is to be missing."""

        def __call__(self, results):
            return super().__call__({k: v for k, v in results.items() if k not in drop})

    dataset = clips.OrderedClips()
    dataset.pipeline.transforms = [Silent()]
    with pytest.raises(ValueError, match=message):
        clips.build_runner(tmp_path, dataset=dataset).test()


def test_inputs_of_several_kinds(clips, tmp_path):
    class TwoKinds(clips.OrderedClips):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            return {**item, 'inputs': {'imgs': item['inputs'], 'heatmap_imgs': item['inputs']}}

    class Any(clips.Looker):
        def forward(self, inputs, data_samples=None, mode='tensor'):
            return super().forward(inputs['imgs'], data_samples)

    runner = clips.build_runner(tmp_path, model=Any(), dataset=TwoKinds())
    with pytest.raises(ValueError, match=r"inputs of \['heatmap_imgs', 'imgs'\]: only models of"):
        runner.test()
