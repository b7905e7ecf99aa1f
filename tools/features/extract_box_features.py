r"""Write the RoI features of every annotated and proposed box: what a detector's classifier sees.

Example:
    python tools/features/extract_box_features.py configs/toy/slowonly_toy_ava.py DETECTOR.pth \
        --out work_dirs/features --data-split train val

One folder a split, read by ``mmlt.BoxFeatureDataset``. Each keyframe's clip passes through the
trunk once, in eval mode, by the pipeline of validation (training keyframes too: no augmentation,
no frame jitter). May be killed and started again, on any number of ranks: whole shards stay.
Features of the same detector and data that are finished are left as they are. Several ranks:

    python tools/launch.py --standalone --nproc_per_node 2 \
        tools/features/extract_box_features.py CONFIG CHECKPOINT --out DIR --launcher pytorch
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.dist import barrier, broadcast_object_list, get_dist_info, init_dist
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.command_line import (
    HelpFormatter,
    ToldError,
    add_data_split,
    add_run_options,
    tell_error,
    tool_main,
)
from mmlt.evaluation.progress import rank_progress
from mmlt.fileio.box_features import (
    convert_features,
    finish_folder,
    is_finished,
    keyframe_rows,
    make_keyframe_table,
    missing_shards,
    shard_batches,
    start_folder,
    write_shard,
)
from mmlt.fileio.checkpoints import hash_file
from mmlt.models.box_feature_extractor import BoxFeatureExtractor
from mmlt.weights_only import read_weights

ERRORS = (OSError, ValueError, KeyError, RuntimeError)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('config', help='config of the detector')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--out', type=Path, required=True, help='folder; each split gets one in it')
    add_data_split(
        parser,
        '--split',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=['train', 'val'],
        help='whose dataloaders of CONFIG name the boxes',
    )
    parser.add_argument('--fp16', action='store_true', help='store half precision')
    parser.add_argument('--batch-size', type=int, default=8, help='keyframes a pass')
    parser.add_argument('--num-workers', type=int, default=2, help='loader processes of a rank')
    parser.add_argument('--keyframes-per-shard', type=int, default=256, help='in a file')
    parser.add_argument('--overwrite', action='store_true', help='replace features of other things')
    add_run_options(parser, DictAction)
    args = parser.parse_args(argv)
    for name in ('batch_size', 'keyframes_per_shard'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    return args


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


class _Keyframes(torch.utils.data.Dataset):
    """The samples of a dataset, each with what the shards need to know of its boxes."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> tuple:
        info = self.dataset.get_data_info(index)
        scores = info.get('scores')
        if scores is None:
            scores = np.ones(len(info['proposals']) if info.get('proposals') is not None else 0)
        return index, self.dataset[index], info['gt_labels'], np.asarray(scores)


def extract_shards(
    extract: BoxFeatureExtractor, dataset: Any, folder: Path, meta: dict, args: argparse.Namespace
) -> None:
    """Extract and write this rank's share of the missing shards."""
    rank, world_size = get_dist_info()
    size, num_keyframes = meta['keyframes_per_shard'], meta['num_keyframes']
    shards = missing_shards(folder, meta['num_shards'])
    barrier()  # every rank must have seen the same ones
    shards = shards[rank::world_size]
    batches = shard_batches(shards, num_keyframes, size, args.batch_size)
    loader = DataLoader(
        _Keyframes(dataset), batch_sampler=batches, num_workers=args.num_workers, collate_fn=list
    )
    with rank_progress(folder.name, sum(map(len, batches)), rank, world_size) as advance:
        parts: list[tuple] = []
        for batch in loader:
            for (index, _, labels, scores), (features, boxes) in zip(
                batch, extract([sample for _, sample, _, _ in batch])
            ):
                features = convert_features(features, meta['dtype'], index)
                parts.append((features, *keyframe_rows(index, labels, scores, boxes)))
            advance(len(batch))
            last = batch[-1][0]
            if (last + 1) % size == 0 or last + 1 == num_keyframes:
                write_shard(folder, last // size, *(np.concatenate(part) for part in zip(*parts)))
                parts = []


def describe(config: Config, dataset_cfg: dict, dataset: Any, model: Any, args: Any) -> dict:
    """What meta.json says: whatever the features depend on."""
    settings = json.dumps(
        [config.model.to_dict(), dataset_cfg], sort_keys=True, default=str
    ).encode()
    annotations = hashlib.sha256()
    for key in sorted(dataset_cfg):
        value = dataset_cfg[key]
        if isinstance(value, str) and os.path.isfile(value):
            annotations.update(Path(value).read_bytes())
    classifier = model.roi_head.bbox_head.fc_cls
    size = args.keyframes_per_shard
    return {
        'checkpoint_sha256': hash_file(args.checkpoint),
        'config_sha256': hashlib.sha256(settings).hexdigest(),
        'annotations_sha256': annotations.hexdigest(),
        'dtype': 'float16' if args.fp16 else 'float32',
        'feature_dim': classifier.in_features,
        'num_classes': classifier.out_features,
        'num_keyframes': len(dataset),
        'keyframes_per_shard': size,
        'num_shards': -(-len(dataset) // size),
    }


def extract_split(
    config: Config, split: str, extract: BoxFeatureExtractor, args: argparse.Namespace
) -> None:
    """Extract one split as far as that is not done; rank 0 alone begins and ends the folder."""
    folder, rank = args.out / split, get_dist_info()[0]
    dataset_cfg = dataset_config(config, split)
    dataset = DATASETS.build(copy.deepcopy(dataset_cfg))
    meta = describe(config, dataset_cfg, dataset, extract.model, args)
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    table = make_keyframe_table([(info['video_id'], info['timestamp']) for info in infos])
    answer: list[Any] = [None, False]
    if rank == 0:
        try:
            start_folder(folder, meta, table, overwrite=args.overwrite)
            answer[1] = is_finished(folder)
        except ERRORS as error:
            answer[0] = str(error)
    broadcast_object_list(answer)  # or the other ranks would wait for a rank that has stopped
    if answer[0] is not None:
        raise ValueError(answer[0]) if rank == 0 else ToldError
    if answer[1]:
        tell(f'{folder}: finished before, left as it is')
        return
    extract_shards(extract, dataset, folder, meta, args)
    barrier()
    if rank == 0:
        index = finish_folder(folder)
        tell(f'{folder}: {index["num_rows"]} boxes of {meta["num_keyframes"]} keyframes')


def tell(message: str) -> None:
    """Print on rank 0."""
    if get_dist_info()[0] == 0:
        print(message, flush=True)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options)
    init_default_scope(config.get('default_scope', 'mmaction'))
    if args.launcher != 'none':
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
        env = config.get('env_cfg', {})
        # as the runner does: init_dist alone has each loader process import everything anew
        set_multi_processing(**env.get('mp_cfg', {}), distributed=True)
        init_dist(args.launcher, **env.get('dist_cfg', {}))
    extract = BoxFeatureExtractor(build_detector(config, args.checkpoint))
    for split in args.data_split:
        extract_split(config, split, extract, args)


main = tool_main(parse_args, run, ERRORS, tell_error)


if __name__ == '__main__':
    sys.exit(main())
