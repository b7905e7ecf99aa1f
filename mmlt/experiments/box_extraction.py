"""What the tools share that write features of boxes: the detector, its keyframes, their shards."""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import barrier, broadcast_object_list, get_dist_info, init_dist
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from mmlt.command_line import ToldError, add_run_options
from mmlt.evaluation.progress import rank_progress
from mmlt.fileio.box_features import shard_batches
from mmlt.weights_only import read_weights

ERRORS = (OSError, ValueError, KeyError, RuntimeError)


def add_extraction_options(
    parser: argparse.ArgumentParser, cfg_action: type[argparse.Action]
) -> None:
    """Add what each of these tools takes after CONFIG, CHECKPOINT, ``--out`` and the split."""
    parser.add_argument('--fp16', action='store_true', help='store half precision')
    parser.add_argument('--batch-size', type=int, default=8, help='keyframes a pass')
    parser.add_argument('--num-workers', type=int, default=2, help='loader processes of a rank')
    parser.add_argument('--keyframes-per-shard', type=int, default=256, help='in a file')
    parser.add_argument('--overwrite', action='store_true', help='replace features of other things')
    add_run_options(parser, cfg_action)


def check_extraction_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with the usage where a size is below 1."""
    for name in ('batch_size', 'keyframes_per_shard'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')


def start_ranks(args: argparse.Namespace) -> Config:
    """Read the config of the command line, and join the other ranks where there are some."""
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options)
    init_default_scope(config.get('default_scope', 'mmaction'))
    if args.launcher != 'none':
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
        env = config.get('env_cfg', {})
        # as the runner does: init_dist alone has each loader process import everything anew
        set_multi_processing(**env.get('mp_cfg', {}), distributed=True)
        init_dist(args.launcher, **env.get('dist_cfg', {}))
    return config


def dataset_config(config: Config, split: str) -> dict:
    """The dataset of a split with the pipeline of validation and no frame jitter."""
    loader = config.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'the config has no {split}_dataloader, whose boxes are asked for')
    dataset = copy.deepcopy(loader['dataset'].to_dict())
    if split == 'train':
        like = config.get('val_dataloader') or config.get('test_dataloader')
        if not like:
            raise ValueError('the config has no val_dataloader, whose pipeline train is to take')
        dataset['pipeline'] = copy.deepcopy(like['dataset'].to_dict()['pipeline'])
    for step in dataset['pipeline']:
        if step['type'].rpartition('.')[2] == 'SampleAVAFrames':
            step['test_mode'] = True
    dataset['test_mode'] = True
    return dataset


def build_detector(config: Config, checkpoint: str) -> torch.nn.Module:
    """The detector in eval mode with all of its weights loaded."""
    model = MODELS.build(config.model)
    weights = read_weights(checkpoint)
    try:
        load_state_dict(model, weights, strict=True)
    except RuntimeError as error:
        raise ValueError(f'{checkpoint} does not fit {config.filename}: {error}') from None
    return model.eval().to(get_device())


def hash_settings(config: Config, dataset_cfg: dict) -> str:
    """SHA-256 of the model's config and of a dataset's."""
    settings = [config.model.to_dict(), dataset_cfg]
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def on_rank_zero(begin: Callable[[], Any]) -> Any:
    """What ``begin()`` gives on rank 0, where alone it is called; its error ends every rank."""
    rank, answer = get_dist_info()[0], [None, None]
    if rank == 0:
        try:
            answer[1] = begin()
        except ERRORS as error:
            answer[0] = str(error)
    broadcast_object_list(answer)  # or the other ranks would wait for a rank that has stopped
    if answer[0] is not None:
        raise ValueError(answer[0]) if rank == 0 else ToldError
    return answer[1]


def extract_shards(
    extract: Callable[[list[dict]], list[tuple[np.ndarray, np.ndarray]]],
    keyframes: torch.utils.data.Dataset,
    missing: Sequence[int],
    args: argparse.Namespace,
    *,
    name: str,
    make_rows: Callable[..., tuple[np.ndarray, ...]],
    write: Callable[..., None],
) -> None:
    """Extract and write this rank's share of the missing shards.

    A batch lies within one shard, so that on any number of ranks its keyframes are the same, and
    the features too, bit for bit.

    Args:
        extract: Features (n, D) and boxes_xyxy_norm (n, 4) of each sample of a batch.
        keyframes: Of keyframe i (i, its sample, whatever ``make_rows`` needs beside).
        missing: Numbers of the shards to make, the same on every rank.
        args: The command line: ``batch_size``, ``num_workers`` and ``keyframes_per_shard``.
        name: Of the split, for the progress.
        make_rows: From (i, features, boxes_xyxy_norm, whatever else) the arrays of one keyframe.
        write: Called with a shard's number and the arrays of all of its keyframes, joined.
    """
    rank, world_size = get_dist_info()
    size, num_keyframes = args.keyframes_per_shard, len(keyframes)
    barrier()  # every rank must have seen the same ones
    batches = shard_batches(missing[rank::world_size], num_keyframes, size, args.batch_size)
    loader = DataLoader(
        keyframes, batch_sampler=batches, num_workers=args.num_workers, collate_fn=list
    )
    with rank_progress(name, sum(map(len, batches)), rank, world_size) as advance:
        parts: list[tuple] = []
        for batch in loader:
            found = extract([sample for _, sample, *_ in batch])
            for (index, _, *beside), (features, boxes) in zip(batch, found):
                parts.append(make_rows(index, features, boxes, *beside))
            advance(len(batch))
            last = batch[-1][0]
            if (last + 1) % size == 0 or last + 1 == num_keyframes:
                write(last // size, *(np.concatenate(part) for part in zip(*parts)))
                parts = []


def tell(message: str) -> None:
    """Print on rank 0."""
    if get_dist_info()[0] == 0:
        print(message, flush=True)
