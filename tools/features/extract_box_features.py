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
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.dist import barrier, get_dist_info
from mmengine.registry import DATASETS

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.command_line import HelpFormatter, add_data_split, tell_error, tool_main
from mmlt.experiments.box_extraction import (
    ERRORS,
    add_extraction_options,
    build_detector,
    check_extraction_options,
    dataset_config,
    extract_shards,
    hash_settings,
    on_rank_zero,
    start_ranks,
    tell,
)
from mmlt.fileio.box_features import (
    convert_features,
    finish_folder,
    is_finished,
    keyframe_rows,
    make_keyframe_table,
    missing_shards,
    start_folder,
    write_shard,
)
from mmlt.fileio.checkpoints import hash_file
from mmlt.models.box_feature_extractor import BoxFeatureExtractor


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
    add_extraction_options(parser, DictAction)
    args = parser.parse_args(argv)
    check_extraction_options(parser, args)
    return args


class _Keyframes(torch.utils.data.Dataset):
    """The samples of a dataset, each with what the shards need to know of its boxes."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple:
        info = self.dataset.get_data_info(index)
        scores = info.get('scores')
        if scores is None:
            scores = np.ones(len(info['proposals']) if info.get('proposals') is not None else 0)
        return index, self.dataset[index], info['gt_labels'], np.asarray(scores)


def describe(config: Config, dataset_cfg: dict, dataset: Any, model: Any, args: Any) -> dict:
    """What meta.json says: whatever the features depend on."""
    annotations = hashlib.sha256()
    for key in sorted(dataset_cfg):
        value = dataset_cfg[key]
        if isinstance(value, str) and os.path.isfile(value):
            annotations.update(Path(value).read_bytes())
    classifier = model.roi_head.bbox_head.fc_cls
    size = args.keyframes_per_shard
    return {
        'checkpoint_sha256': hash_file(args.checkpoint),
        'config_sha256': hash_settings(config, dataset_cfg),
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
    folder = args.out / split
    dataset_cfg = dataset_config(config, split)
    dataset = DATASETS.build(copy.deepcopy(dataset_cfg))
    meta = describe(config, dataset_cfg, dataset, extract.model, args)
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    table = make_keyframe_table([(info['video_id'], info['timestamp']) for info in infos])

    def begin() -> bool:
        start_folder(folder, meta, table, overwrite=args.overwrite)
        return is_finished(folder)

    def make_rows(
        index: int, features: np.ndarray, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        features = convert_features(features, meta['dtype'], index)
        return features, *keyframe_rows(index, labels, scores, boxes)

    if on_rank_zero(begin):
        tell(f'{folder}: finished before, left as it is')
        return
    missing, write = missing_shards(folder, meta['num_shards']), partial(write_shard, folder)
    how = dict(name=split, make_rows=make_rows, write=write)
    extract_shards(extract, _Keyframes(dataset), missing, args, **how)
    barrier()
    if get_dist_info()[0] == 0:
        index = finish_folder(folder)
        tell(f'{folder}: {index["num_rows"]} boxes of {meta["num_keyframes"]} keyframes')


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    config = start_ranks(args)
    extract = BoxFeatureExtractor(build_detector(config, args.checkpoint))
    for split in args.data_split:
        extract_split(config, split, extract, args)


main = tool_main(parse_args, run, ERRORS, tell_error)


if __name__ == '__main__':
    sys.exit(main())
