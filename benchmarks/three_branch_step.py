"""A training step of all three branches against the RoI branch alone.

SlowFast-R50 as in configs/three_branch, alone, with each switch and with all, turn by turn on the
same clips: CPU seconds of a step (on a GPU seconds between synchronisations), parameters, and
the floating-point operations of the heads beside those of the backbone, which are the limit that no
head can go below. Windows are of 61 seconds x 5 persons x 2,304 channels, random and half full;
reading them is what feature_bank.py measures.

Example:
    OMP_NUM_THREADS=1 python benchmarks/three_branch_step.py
    python benchmarks/three_branch_step.py --device cuda --size 256 --batch 8
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import BaseDataElement, InstanceData
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

import mmlt  # noqa: F401  (its repairs come before mmaction2)

CONFIG = Path(__file__).parents[1] / 'configs' / 'three_branch' / 'slowfast_r50_three_branch.py'
SWITCHES = ('global_loss', 'global_feature', 'long_term')
SLOTS = 61 * 5


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--size', type=int, default=64, help='of the square frames')
    parser.add_argument('--batch', type=int, default=2, help='clips of a step, of 64 frames')
    parser.add_argument('--persons', type=int, default=3, help='of a clip')
    parser.add_argument('--repeats', type=int, default=3, help='steps of every side')
    return parser.parse_args()


def build(switches: dict[str, bool], device: str) -> torch.nn.Module:
    """The detector with some switches on."""
    model = copy.deepcopy(Config.fromfile(CONFIG).model)
    model.init_cfg = None  # time does not depend on the weights
    model.roi_head.bbox_head.update(label_file=None, pose_ids=list(range(1, 15)))
    for name, is_on in switches.items():
        if not is_on:
            model.roi_head[name] = False if name == 'global_feature' else None
    return MODELS.build(model).to(device).train()


def make_batch(args: argparse.Namespace, num_classes: int) -> dict:
    """Clips, persons and windows, as a loader gives them."""
    generator = torch.Generator().manual_seed(0)
    shape = (args.batch, 3, 64, args.size, args.size)
    inputs = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    samples = []
    for _ in range(args.batch):
        corners = torch.rand(args.persons, 2, generator=generator) * args.size / 2
        boxes = torch.cat([corners, corners + args.size / 3], dim=1)
        labels = torch.zeros(args.persons, num_classes)
        labels[:, [1, num_classes - 1]] = 1  # a pose and another
        mask = torch.rand(SLOTS, generator=generator) < 0.5
        features = torch.randn(SLOTS, 2304, generator=generator) * mask[:, None]
        sample = ActionDataSample(metainfo=dict(img_shape=(args.size, args.size), img_key='v,0902'))
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        sample.proposals = InstanceData(bboxes=boxes.clone())
        window = BaseDataElement(
            metainfo=dict(checkpoint='00' * 31 + '01'), features=features, mask=mask
        )
        sample.set_field(window, 'long_term')
        samples.append(sample)
    return dict(inputs=list(inputs), data_samples=samples)


def timed(function: Callable[[], object], device: str) -> float:
    """CPU seconds of a call; on a GPU, seconds until it has done all of it."""
    clock = time.process_time if device == 'cpu' else time.perf_counter
    if device != 'cpu':
        torch.cuda.synchronize()
    start = clock()
    function()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - start


def count_operations(model: torch.nn.Module, batch: dict) -> tuple[float, float]:
    """Billions of floating-point operations of a forward pass: backbone, and all behind it."""
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    with torch.no_grad(), FlopCounterMode(display=False) as of_backbone:
        model.extract_feat(data['inputs'])
    with torch.no_grad(), FlopCounterMode(display=False) as of_all:
        model(**data, mode='loss')
    backbone = of_backbone.get_total_flops()
    return backbone / 1e9, (of_all.get_total_flops() - backbone) / 1e9


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    sides = {}
    with DefaultScope.overwrite_default_scope('mmaction'):
        chosen = {'RoI branch alone': (), **{name: (name,) for name in SWITCHES}, 'all': SWITCHES}
        for name, on in chosen.items():
            sides[name] = build({switch: switch in on for switch in SWITCHES}, args.device)
    head = next(iter(sides.values())).roi_head.bbox_head
    batch = make_batch(args, head.num_classes)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    wrappers = {
        name: OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-6))
        for name, model in sides.items()
    }
    for turn in range(args.repeats + 1):
        for name, model in sides.items():
            data = copy.deepcopy(batch)  # a step changes its samples
            spent = timed(partial(model.train_step, data, wrappers[name]), args.device)
            if turn:
                seconds[name].append(spent)
    table = Table(
        title=f'{args.batch} clips of 64 x {args.size} x {args.size}, {args.persons} persons each, '
        f'{args.device}',
        title_justify='left',
    )
    for column in ('a step of training', 'seconds', 'ratio', 'parameters, M', 'head, GFLOP'):
        table.add_column(column, justify='left' if column.startswith('a step') else 'right')
    alone = None
    for name, model in sides.items():
        median = statistics.median(seconds[name])
        alone = alone or median
        backbone, of_head = count_operations(model, batch)
        size = sum(each.numel() for each in model.parameters()) / 1e6
        row = (f'{median:.2f}', f'{median / alone:.3f}', f'{size:.1f}', f'{of_head:.2f}')
        table.add_row(name, *row)
    console = Console(width=110)
    console.print(table)
    console.print(f'backbone, forward alone: {backbone:.1f} GFLOP')


if __name__ == '__main__':
    main()
