r"""Make a feature bank of LFB files, which mmaction2's LFBInferHead writes.

Example:
    python tools/convert/feature_bank.py lfb_train.pkl lfb_val.pkl --out work_dirs/bank_of_lfb

A file holds {video id: {second: features of its persons, (n, D) or a list of n of (D,)}}. It is
read weights-only: nothing in it is run. Several files become one bank; read it with
``mmlt.LoadFeatureBank(bank_dir='work_dirs/bank_of_lfb')``. Half precision stays half precision.

What an LFB file does not say: scores and boxes are NaN in the bank, the order of a second's persons
is kept and taken for "the best-scored first" (mmaction2's proposals come so), and in place of a
checkpoint's hash stands that of the file, of several that of their hashes. A model takes only the
bank that it was trained with, so convert the files of train and val together. mmaction2 fills a
second in which nobody reaches its threshold with the best-scored box, or with the whole frame: they
cannot be told from persons any more. tools/features/build_feature_bank.py makes a bank without
them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.fileio.box_features import convert_features
from mmlt.fileio.checkpoints import hash_files, naming_checkpoint
from mmlt.fileio.feature_bank import (
    finish_bank,
    make_tables,
    missing_shards,
    plan_bank,
    start_bank,
    write_shard,
)
from mmlt.functional.detection.fields import INT32_MAX, name_fault
from mmlt.weights_only import load_weights_only


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('lfb', type=Path, nargs='+', help='LFB files')
    parser.add_argument('--out', type=Path, required=True, help='folder of the bank')
    parser.add_argument('--keyframes-per-shard', type=int, default=256, help='in a file')
    parser.add_argument('--overwrite', action='store_true', help='replace a bank of other files')
    args = parser.parse_args(argv)
    if args.keyframes_per_shard < 1:
        parser.error('--keyframes-per-shard must be at least 1')
    return args


def read_lfb(path: Path) -> dict[tuple[str, int], torch.Tensor]:
    """(Video id, second) -> (n, D) features, n >= 1, of one file."""
    with naming_checkpoint(path):
        content = load_weights_only(path)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: not an LFB file, a dict of videos, but {type(content).__name__}')
    found = {}
    for video_id, seconds in content.items():
        if not isinstance(video_id, str) or name_fault(video_id):
            raise ValueError(f'{path}: {video_id!r:.80} is no video id')
        if not isinstance(seconds, dict):
            kind = type(seconds).__name__
            raise ValueError(f'{path}: {video_id!r}: not a dict of seconds but {kind}')
        for second, features in seconds.items():
            where = f'{path}: {video_id!r}, second {second!r:.80}'
            if type(second) is not int or not 0 <= second <= INT32_MAX:
                raise ValueError(f'{where}: it must be a whole number')
            matrix = _matrix(where, features)
            if len(matrix):
                found[video_id, second] = matrix
    return found


def _matrix(where: str, features: Any) -> torch.Tensor:
    """The (n, D) features of a second, as one tensor."""
    is_list = isinstance(features, (list, tuple))
    rows = list(features) if is_list else [features]
    for row in rows:
        if not isinstance(row, torch.Tensor) or not row.is_floating_point():
            raise ValueError(f'{where}: not a tensor of floating point but {type(row).__name__}')
    shapes = sorted({tuple(row.shape) for row in rows})
    if not rows:
        return torch.zeros(0, 0)
    if len(shapes) != 1 or len(shapes[0]) != (1 if is_list else 2):
        raise ValueError(f'{where}: shapes {shapes}, expected one of (n, D), or n of (D,)')
    return torch.stack(rows) if is_list else rows[0]


def read_all(paths: Sequence[Path]) -> dict[tuple[str, int], torch.Tensor]:
    """The same of several files, each with videos of its own, by ascending key."""
    found: dict[tuple[str, int], torch.Tensor] = {}
    owners: dict[str, Path] = {}
    for path in paths:
        of_file = read_lfb(path)
        for video_id in {video_id for video_id, _ in of_file}:
            if video_id in owners:
                raise ValueError(f'{path}: video {video_id!r} is in {owners[video_id]} too')
            owners[video_id] = path
        found.update(of_file)
    if not found:
        raise ValueError(f'{", ".join(map(str, paths))}: nobody is in it')
    widths = {features.shape[1]: key for key, features in found.items()}
    if len(widths) > 1:
        (one, key), (other, other_key) = list(widths.items())[:2]
        raise ValueError(
            f'{owners[key[0]]}: features of {key} are {one} wide, those of {other_key} in '
            f'{owners[other_key[0]]} {other}'
        )
    return dict(sorted(found.items()))


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    found = read_all(args.lfb)
    unknown = [np.full((len(features), 5), np.nan) for features in found.values()]
    tables = make_tables(list(found), [u[:, 4] for u in unknown], [u[:, :4] for u in unknown])
    features = list(found.values())
    is_half = all(each.dtype == torch.float16 for each in features)
    sources = {
        'checkpoint_sha256': hash_files(args.lfb),
        'config_sha256': None,
        'proposals_sha256': None,
        'score_thr': None,
        'dtype': 'float16' if is_half else 'float32',
        'feature_dim': features[0].shape[1],
        'keyframes_per_shard': args.keyframes_per_shard,
    }
    meta, size = plan_bank(sources, tables), args.keyframes_per_shard
    start_bank(args.out, meta, tables, overwrite=args.overwrite)
    for number in missing_shards(args.out, meta, tables):
        first = number * size
        shard = [
            convert_features(each.float().numpy(), meta['dtype'], first + place)
            for place, each in enumerate(features[first : first + size])
        ]
        write_shard(args.out, number, np.concatenate(shard))
    finish_bank(args.out, meta, tables)
    print(f'{args.out}: {meta["num_persons"]} persons of {meta["num_keyframes"]} keyframes')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
