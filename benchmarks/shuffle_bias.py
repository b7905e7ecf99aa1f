"""Shuffle bias in one pass against two separate test runs, where decoding dominates.

One pass decodes each video once and forwards its windows in order and shuffled; the separate runs
test the same network twice, once with the frames shuffled in the pipeline. Prints CPU seconds of
one process without loader workers (the median of the turns) and checks that the scores of every
video are equal to the last bit. Videos of noise in motion are drawn into a temporary folder.

Example:
    OMP_NUM_THREADS=1 python benchmarks/shuffle_bias.py
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

import mmlt  # noqa: F401  (its repairs come before mmaction2)
from mmlt.registry import METRICS

BACKBONE = dict(
    type='ResNet3d',
    depth=18,
    base_channels=8,
    num_stages=3,
    stage_blocks=(1, 1, 1),
    out_indices=(2,),
    conv1_kernel=(3, 5, 5),
    conv1_stride_t=2,
    with_pool2=False,
    spatial_strides=(1, 2, 2),
    temporal_strides=(1, 2, 2),
    dilations=(1, 1, 1),
    inflate=(1, 1, 1),
    pretrained=None,
    pretrained2d=False,
)
MODEL = dict(
    type='Recognizer3D',
    backbone=BACKBONE,
    cls_head=dict(type='I3DHead', num_classes=8, in_channels=32, average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[128.0] * 3, std=[64.0] * 3, format_shape='NCTHW'
    ),
)


@METRICS.register_module()
class ScoresOfVideos(BaseMetric):
    """Keeps the scores of each video."""

    def process(self, data_batch, data_samples):
        self.results += [(s['filename'], s['pred_score'].tolist()) for s in data_samples]

    def compute_metrics(self, results):
        self.found = dict(results)
        return {}


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--videos', type=int, default=20)
    parser.add_argument('--frames', type=int, default=128, help='frames of a video')
    parser.add_argument(
        '--width', type=int, default=340, help='of a frame; the height is 3/4 of it'
    )
    parser.add_argument('--size', type=int, default=56, help='of the square crop that is forwarded')
    parser.add_argument('--repeats', type=int, default=3, help='turns of both sides')
    return parser.parse_args()


def draw_videos(folder: Path, args: argparse.Namespace) -> None:
    """Noise that drifts, written as mp4, and the list of the files."""
    rng = np.random.default_rng(0)
    size = (args.width, args.width * 3 // 4)
    lines = []
    for number in range(args.videos):
        ground = cv2.GaussianBlur(rng.integers(0, 256, (*size[::-1], 3), np.uint8), (9, 9), 0)
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(folder / f'v{number}.mp4'), code, 25, size)
        for frame in range(args.frames):
            writer.write(np.roll(ground, (frame, 2 * frame), (0, 1)))
        writer.release()
        lines.append(f'v{number}.mp4 {number % 8}\n')
    (folder / 'list.txt').write_text(''.join(lines), encoding='utf-8')


def build_runner(folder: Path, args: argparse.Namespace, model, loop: str, shuffling=()) -> Runner:
    """A runner that tests all windows of all videos."""
    pipeline = [
        dict(type='OpenCVInit'),
        dict(type='mmlt.SlidingWindowFrames'),
        dict(type='OpenCVDecode'),
        *shuffling,
        dict(type='Resize', scale=(-1, args.size)),
        dict(type='CenterCrop', crop_size=args.size),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', meta_keys=('filename',)),
    ]
    prefix = dict(video=str(folder))
    dataset = dict(type='VideoDataset', ann_file=str(folder / 'list.txt'), data_prefix=prefix)
    return Runner(
        model=model,
        work_dir=str(folder / 'runs'),
        test_dataloader=dict(
            batch_size=1,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(**dataset, pipeline=pipeline, test_mode=True),
        ),
        test_cfg=dict(type=loop, **({'num_shuffles': 1} if 'Shuffle' in loop else {})),
        test_evaluator=[dict(type='mmlt.ScoresOfVideos', prefix='scores')],
        default_scope='mmaction',
        experiment_name=uuid.uuid4().hex,
        log_level='ERROR',
    )


def cpu_seconds(function) -> float:
    """CPU seconds of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def decoding_seconds(runner: Runner) -> float:
    """CPU seconds of the data pipeline alone, over the whole set."""
    dataset = runner.build_dataloader(runner._test_dataloader).dataset
    return cpu_seconds(lambda: [dataset[index] for index in range(len(dataset))])


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    cv2.setNumThreads(0)
    seconds = {'in order': [], 'shuffled': [], 'one pass': [], 'decoding': []}
    with tempfile.TemporaryDirectory() as name, DefaultScope.overwrite_default_scope('mmaction'):
        folder = Path(name)
        draw_videos(folder, args)
        torch.manual_seed(0)
        model = build_runner(folder, args, MODEL, 'TestLoop').model
        for _ in range(args.repeats):
            one = build_runner(folder, args, model, 'mmlt.ShuffleBiasTestLoop')
            order = build_runner(folder, args, model, 'TestLoop')
            shuffling = [dict(type='mmlt.ShuffleFrames')]
            shuffled = build_runner(folder, args, model, 'TestLoop', shuffling)
            seconds['decoding'].append(decoding_seconds(order))
            for side, runner in (('in order', order), ('shuffled', shuffled), ('one pass', one)):
                seconds[side].append(cpu_seconds(runner.test))
        streams = [metrics[0].found for metrics in one.test_loop.evaluator.metrics[0].streams]
        separate = [runner.test_loop.evaluator.metrics[0].found for runner in (order, shuffled)]
    medians = {side: statistics.median(turns) for side, turns in seconds.items()}
    two = medians['in order'] + medians['shuffled']
    table = Table(title=f'{args.videos} videos of {args.frames} frames', title_justify='left')
    for column in ('', 'CPU seconds', 'of two runs'):
        table.add_column(column, justify='right' if column else 'left')
    rows = {'two runs': two, **medians}
    for side, spent in rows.items():
        table.add_row(side, f'{spent:.2f}', f'{spent / two:.2f}')
    Console().print(table)
    print(f'scores of every video equal to the last bit: {streams == separate}')


if __name__ == '__main__':
    main()
