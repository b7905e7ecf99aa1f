"""A co-finetuning step against the same model on one dataset; its schedule; its memory.

Three tables:

1. A training step of `mmlt.CoFinetuneModel` on batches of boxes and of clips, against mmaction2's
   FastRCNN and Recognizer3D with the same weights on the same batches, turn by turn, in CPU
   seconds (on a GPU in seconds between synchronisations). Wrapped for distributed training as
   well, with what `find_unused_parameters` costs measured on the single models.
2. What schedule and sampler take a step, at the sizes of AVA, Kinetics-400, Moments in Time and
   Something-Something v2, against mmengine's sampler over as many samples.
3. Proportional memory (PSS) of the main process and two workers that have read some batches: four
   datasets in one loader against one dataset. Linux only.

Example:
    OMP_NUM_THREADS=1 python benchmarks/cofinetune.py
    python benchmarks/cofinetune.py --device cuda --size 112 --parts step
"""

from __future__ import annotations

import argparse
import copy
import gc
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from mmaction.structures import ActionDataSample
from mmengine.config import Config, ConfigDict
from mmengine.dataset import BaseDataset, DefaultSampler, pseudo_collate
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from rich.console import Console
from rich.table import Table
from torch.utils.data import BatchSampler, DataLoader

import mmlt  # noqa: F401  (its repairs come before mmaction2)
from mmlt.datasets.cofinetune_dataset import CoFinetuneDataset
from mmlt.datasets.samplers import CoFinetuneBatchSampler, CoFinetuneSampler
from mmlt.registry import DATASETS, MODELS

SIZES = {'ava': 210_634, 'k400': 240_436, 'mit': 791_297, 'ssv2': 168_913}
TOY = Path(__file__).parents[1] / 'configs' / 'toy' / 'slowonly_toy_ava.py'  # its model is used


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--parts', nargs='+', default=['step', 'schedule', 'memory'])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--size', type=int, default=64, help='of the square frames')
    parser.add_argument('--batch', type=int, default=8, help='clips of a step')
    parser.add_argument('--repeats', type=int, default=60, help='steps of every side')
    return parser.parse_args()


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print rows, the first column to the left."""
    table = Table(title=title, title_justify='left')
    for column in columns:
        table.add_column(column, justify='left' if column == columns[0] else 'right')
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


# ------------------------------------------------------------------------------------- a step


def build_models(device: str) -> dict[str, torch.nn.Module]:
    """The co-finetuned model, and the two single ones with copies of its weights."""
    detector = Config.fromfile(TOY).model
    shared = dict(backbone=detector.backbone, data_preprocessor=detector.data_preprocessor)
    clip_head = dict(type='mmaction.I3DHead', num_classes=400, in_channels=64)
    ava_head = dict(detector.roi_head, type='mmdet.AVARoIHead', test_cfg=None)
    ava_head['train_cfg'] = detector.train_cfg.rcnn
    heads = dict(ava=ava_head, k400=clip_head)
    configs = {
        'co-finetuning': dict(shared, type='mmlt.CoFinetuneModel', heads=heads),
        'ava': detector,
        'k400': dict(shared, type='mmaction.Recognizer3D', cls_head=clip_head),
    }
    models = {n: MODELS.build(ConfigDict(copy.deepcopy(c))) for n, c in configs.items()}
    ours = models['co-finetuning']
    for name, part in (('ava', 'roi_head'), ('k400', 'cls_head')):
        models[name].backbone.load_state_dict(ours.backbone.state_dict())
        getattr(models[name], part).load_state_dict(ours.heads[name].state_dict())
    return {name: model.to(device).train() for name, model in models.items()}


def make_batches(args: argparse.Namespace) -> dict[str, dict]:
    """A batch of boxes and one of clips, as a loader gives them."""
    generator = torch.Generator().manual_seed(0)
    size, batches = args.size, {}
    boxes = torch.tensor([[0.1, 0.1, 0.5, 0.9], [0.4, 0.2, 0.9, 0.9]]) * size
    labels = torch.zeros(2, 31)
    labels[:, [12, 30]] = 1
    for name, views in (('ava', ()), ('k400', (1,))):
        shape = (args.batch, *views, 3, 8, size, size)
        inputs = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        samples = []
        for number in range(args.batch):
            sample = ActionDataSample(metainfo=dict(dataset_name=name, img_shape=(size, size)))
            if name == 'ava':
                sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
                sample.proposals = InstanceData(bboxes=boxes + 1)
            samples.append(sample.set_gt_label(number))
        batches[name] = dict(inputs=list(inputs), data_samples=samples)
    return batches


def timed(function: Callable[[], object], device: str) -> float:
    """CPU seconds of a call; on a GPU, seconds until it has done all of it."""
    if device == 'cpu':
        start = time.process_time()
        function()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def compare_steps(args: argparse.Namespace) -> None:
    """Table 1."""
    backend = 'gloo' if args.device == 'cpu' else 'nccl'
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    rows = []

    def add(what: str, alone: float, ours: float) -> None:
        rows.append([what, f'{1000 * alone:.2f}', f'{1000 * ours:.2f}', f'{ours / alone:.3f}'])

    for what in ('no wrapper', 'DDP of one rank'):
        models = build_models(args.device)
        if what != 'no wrapper':
            for name in ('ava', 'k400'):
                models[f'{name}, unused found'] = copy.deepcopy(models[name])
            models = {name: wrap(model, name, args.device) for name, model in models.items()}
        seconds = measure(models, args)
        for name in ('ava', 'k400'):
            add(f'{what}: {name}', seconds[name], seconds[f'co-finetuning, {name}'])
        alone = (seconds['ava'] + seconds['k400']) / 2
        ours = (seconds['co-finetuning, ava'] + seconds['co-finetuning, k400']) / 2
        add(f'{what}: mean of the two', alone, ours)
    found = (seconds['ava, unused found'] + seconds['k400, unused found']) / 2
    add('find_unused_parameters alone', alone, found)
    add('DDP: both with unused found', found, ours)
    dist.destroy_process_group()
    columns = ['a step of training', 'alone, ms', 'co-finetuning, ms', 'ratio']
    print_table(
        f'{args.batch} clips of 8 x {args.size} x {args.size}, {args.device}', columns, rows
    )


def wrap(model: torch.nn.Module, name: str, device: str) -> MMDistributedDataParallel:
    """As mmengine wraps it; unused parameters are looked for where a model needs it."""
    find = name == 'co-finetuning' or name.endswith('unused found')
    ids = None if device == 'cpu' else [0]
    return MMDistributedDataParallel(model, device_ids=ids, find_unused_parameters=find)


def measure(models: dict[str, torch.nn.Module], args: argparse.Namespace) -> dict[str, float]:
    """Median seconds of a step of each side, all sides in turn."""
    batches = make_batches(args)
    sides = {}
    for name, model in models.items():
        wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9))
        for dataset, batch in batches.items():
            if name == 'co-finetuning':
                sides[f'{name}, {dataset}'] = (model, batch, wrapper)
            elif name.startswith(dataset):
                sides[name] = (model, batch, wrapper)
    seconds = {side: [] for side in sides}
    for turn in range(args.repeats + 3):
        for side, (model, batch, wrapper) in sides.items():
            data = copy.deepcopy(batch)  # a step changes its samples
            spent = timed(partial(model.train_step, data, wrapper), args.device)
            if turn >= 3:
                seconds[side].append(spent)
    return {side: statistics.median(turns) for side, turns in seconds.items()}


# ------------------------------------------------------------------------------------ schedule


def compare_schedules() -> None:
    """Table 2."""
    dataset = CoFinetuneDataset({name: range(size) for name, size in SIZES.items()})
    stock = DefaultSampler(dataset, shuffle=True, seed=0)
    loaders = {'mmengine: DefaultSampler, BatchSampler': BatchSampler(stock, 128, drop_last=False)}
    for strategy in ('weighted', 'alternating', 'sequential'):
        sampler = CoFinetuneSampler(dataset, dict.fromkeys(SIZES, 128), strategy=strategy, seed=0)
        loaders[f'mmlt: {strategy}'] = CoFinetuneBatchSampler(sampler)
    rows = []
    for name, loader in loaders.items():
        spent = []
        for _ in range(3):
            start = time.process_time()
            steps = sum(1 for _ in loader)
            spent.append(time.process_time() - start)
        rows.append([name, str(steps), f'{1000 * statistics.median(spent) / steps:.4f}'])
    title = f'all of an epoch of {len(dataset):,} samples in batches of 128'
    print_table(title, ['sampler', 'steps', 'CPU ms a step'], rows)


# -------------------------------------------------------------------------------------- memory


@DATASETS.register_module()
class ListOfClips(BaseDataset):
    """A list file's entries, as mmaction2's VideoDataset keeps them, and black clips."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(ann_file='', pipeline=[])

    def load_data_list(self) -> list[dict]:
        return [
            dict(filename=f'data/videos_train/class/{i:011d}.mp4', label=i % 400)
            for i in range(self.size)
        ]

    def __getitem__(self, index: int) -> dict:
        info = self.get_data_info(index)
        return dict(inputs=np.zeros((3, 8, 64, 64), np.uint8), label=info['label'])


def proportional_memory() -> float:
    """PSS of this process and its children, MB."""
    own = os.getpid()
    children = Path(f'/proc/{own}/task/{own}/children').read_text().split()
    total = 0
    for process in (str(own), *children):
        for line in Path(f'/proc/{process}/smaps_rollup').read_text().splitlines():
            if line.startswith('Pss:'):
                total += int(line.split()[1])
    return total / 1024


def read_some(sizes: dict[str, int]) -> tuple[float, float]:
    """PSS while two workers read, and the MB of the lists of all datasets."""
    dataset = CoFinetuneDataset(
        {name: dict(type='ListOfClips', size=n) for name, n in sizes.items()}
    )
    gc.collect()
    sampler = CoFinetuneSampler(dataset, dict.fromkeys(sizes, 8), seed=0)
    batches = CoFinetuneBatchSampler(sampler)
    loader = DataLoader(dataset, batch_sampler=batches, num_workers=2, collate_fn=pseudo_collate)
    reading = iter(loader)
    for _ in range(200):
        next(reading)
    lists = sum(part.data_bytes.nbytes + part.data_address.nbytes for part in dataset.datasets)
    return proportional_memory(), lists / 2**20


def compare_memory() -> None:
    """Table 3."""
    rows, first = [], None
    each = {name: SIZES['k400'] for name in SIZES}
    for title, sizes in (
        ('Kinetics-400 alone', {'k400': SIZES['k400']}),
        ('four datasets, together as large', {name: SIZES['k400'] // 4 for name in SIZES}),
        ('four datasets, each as large', each),
        ('AVA, Kinetics-400, MiT, SSv2', SIZES),
    ):
        with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as fresh:
            memory, lists = fresh.submit(read_some, sizes).result()
        first = first or memory
        rows.append([title, f'{memory:.0f}', f'{lists:.0f}', f'{memory / first:.2f}'])
    columns = ['two workers that read', 'MB', 'of which lists', 'of the first']
    print_table('memory of one loader', columns, rows)


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    with DefaultScope.overwrite_default_scope('mmaction'):
        if 'step' in args.parts:
            compare_steps(args)
        if 'schedule' in args.parts:
            compare_schedules()
        if 'memory' in args.parts:
            compare_memory()


if __name__ == '__main__':
    main()
