r"""Write the long-term feature bank of a detector: a feature for each person of each second.

Example:
    python tools/features/build_feature_bank.py configs/toy/slowonly_toy_ava.py DETECTOR.pth \
        --out work_dirs/bank --data-split train val --score-thr 0.5

One folder a split, read by ``mmlt.LoadFeatureBank``. Persons are the proposals of a score above
``--score-thr`` in the split's proposal file, whose seconds are all taken, annotated or not; no
annotation is read, and the threshold is never lowered where nobody passes. A feature is what enters
the detector's classifier. Each keyframe's clip passes through the trunk once, in eval mode, by the
pipeline of validation (training keyframes too: no augmentation, no frame jitter).

May be killed and started again, on any number of ranks, with the same bytes in the end: whole
shards stay. A finished bank of the same detector and persons is left as it is. Several ranks:

    python tools/launch.py --standalone --nproc_per_node 2 \
        tools/features/build_feature_bank.py CONFIG CHECKPOINT --out DIR --launcher pytorch
"""

from __future__ import annotations

import argparse
import copy
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
from mmlt.command_line import HelpFormatter, tell_error, tool_main
from mmlt.datasets.proposal_dataset import NOT_TAKEN
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
from mmlt.fileio.box_features import convert_features
from mmlt.fileio.checkpoints import hash_file, hash_files
from mmlt.fileio.feature_bank import (
    BankTables,
    finish_bank,
    is_finished,
    make_tables,
    missing_shards,
    plan_bank,
    start_bank,
    write_shard,
)
from mmlt.models.box_feature_extractor import BoxFeatureExtractor


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('config', help='config of the detector, which has no long-term branch')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--out', type=Path, required=True, help='folder; each split gets one in it')
    parser.add_argument(
        '--data-split',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=['train', 'val'],
        help='whose dataloaders of CONFIG name proposals and frames',
    )
    parser.add_argument(
        '--score-thr', type=float, default=0.9, help='score that a person is above, of a detector'
    )
    add_extraction_options(parser, DictAction)
    args = parser.parse_args(argv)
    check_extraction_options(parser, args)
    if not 0 <= args.score_thr <= 1:
        parser.error('--score-thr must lie between 0 and 1')
    return args


def proposal_config(config: Config, split: str, score_thr: float) -> dict:
    """The ``mmlt.ProposalDataset`` of a split: its proposals and frames, and no annotation."""
    dataset = dataset_config(config, split)
    kind = dataset['type'].rpartition('.')[2]
    if kind not in ('AVADataset', 'ProposalDataset'):
        raise ValueError(
            f'{split}_dataloader.dataset is of type {dataset["type"]}: a bank is made of an '
            'AVADataset, whose proposals and frames stand under the same video ids'
        )
    if not dataset.get('proposal_file'):
        raise ValueError(
            f'{split}_dataloader.dataset has no proposal_file: the persons of a bank are detected '
            'ones, those that the config trains on may be others'
        )
    pipeline = []
    for step in dataset['pipeline']:
        if step['type'].rpartition('.')[2] == 'LoadFeatureBank':
            continue
        if step.get('algorithm_keys'):
            step['algorithm_keys'] = [key for key in step['algorithm_keys'] if key != 'long_term']
        pipeline.append(step)
    dataset.update(type='mmlt.ProposalDataset', pipeline=pipeline, score_thr=score_thr)
    return {key: value for key, value in dataset.items() if key not in NOT_TAKEN}


def refuse_long_term(config: Config) -> None:
    """Refuse a detector that reads a bank itself: what it sees then depends on another one."""
    roi_head = config.model.get('roi_head') or {}
    shared_head = roi_head.get('shared_head') or {}
    if roi_head.get('long_term') or shared_head.get('type', '').rpartition('.')[2] == 'FBOHead':
        raise ValueError(
            f'{config.filename}: its model has a long-term branch, which reads a bank itself: a '
            'bank is made by the detector of the first phase, which has none'
        )


class _Keyframes(torch.utils.data.Dataset):
    """The samples of a dataset, each with its number."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple:
        return index, self.dataset[index]


def describe(config: Config, dataset_cfg: dict, model: Any, args: argparse.Namespace) -> dict:
    """What meta.json says beside the sizes: whatever the features depend on."""
    files = dataset_cfg['proposal_file']
    return {
        'checkpoint_sha256': hash_file(args.checkpoint),
        'config_sha256': hash_settings(config, dataset_cfg),
        'proposals_sha256': hash_files([files] if isinstance(files, str) else files),
        'score_thr': args.score_thr,
        'dtype': 'float16' if args.fp16 else 'float32',
        'feature_dim': model.roi_head.bbox_head.fc_cls.in_features,
        'keyframes_per_shard': args.keyframes_per_shard,
    }


def read_tables(dataset: Any) -> BankTables:
    """Keyframes and persons of a ``mmlt.ProposalDataset``."""
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return make_tables(
        [(info['video_id'], info['timestamp']) for info in infos],
        [info['scores'] for info in infos],
        [info['proposals'] for info in infos],
    )


def build_split(
    config: Config, split: str, extract: BoxFeatureExtractor, args: argparse.Namespace
) -> None:
    """Make the bank of one split as far as that is not done; rank 0 begins and ends it."""
    folder = args.out / split
    dataset_cfg = proposal_config(config, split, args.score_thr)
    dataset = DATASETS.build(copy.deepcopy(dataset_cfg))
    sources, tables = describe(config, dataset_cfg, extract.model, args), read_tables(dataset)
    meta = plan_bank(sources, tables)

    def begin() -> bool:
        start_bank(folder, meta, tables, overwrite=args.overwrite)
        return is_finished(folder, meta, tables)

    def make_rows(index: int, features: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray]:
        return (convert_features(features, meta['dtype'], index),)

    if on_rank_zero(begin):
        tell(f'{folder}: finished before, left as it is')
        return
    missing, write = missing_shards(folder, meta, tables), partial(write_shard, folder)
    how = dict(name=split, make_rows=make_rows, write=write)
    extract_shards(extract, _Keyframes(dataset), missing, args, **how)
    barrier()
    if get_dist_info()[0] == 0:
        finish_bank(folder, meta, tables)
        tell(f'{folder}: {meta["num_persons"]} persons of {meta["num_keyframes"]} keyframes')


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    config = start_ranks(args)
    refuse_long_term(config)
    extract = BoxFeatureExtractor(build_detector(config, args.checkpoint))
    for split in args.data_split:
        build_split(config, split, extract, args)


main = tool_main(parse_args, run, ERRORS, tell_error)


if __name__ == '__main__':
    sys.exit(main())
