r"""Write frame features of videos, {videoid}.npy of (T, D): what mmlt.VideoLTDataset reads.

Examples:
    python tools/features/extract_video_features.py VIDEO_DIR --out data/videolt/resnet50 \
        --backbone torchvision:resnet50 --weights resnet50.pth
    python tools/features/extract_video_features.py VIDEO_DIR --out data/videolt/tsm_r50 \
        --config CONFIG --checkpoint TSM.pth --list train.lst val.lst test.lst

WEIGHTS of --backbone is a file of a state dict under torchvision's names (conv1.weight,
layer1.0.bn1.bias, ...; fc is not read), as torchvision distributes those trained on ImageNet. With
torchvision, which is needed for nothing else, and a network:

    python -c "import torch, torchvision as t; \
        torch.save(t.models.resnet50(weights='IMAGENET1K_V1').state_dict(), 'resnet50.pth')"

The setting of VideoLT: frames at 1 a second, of a long video 150 of them, evenly; shorter side 256,
center crop 224; the last map of the backbone averaged over its places. A shorter video has fewer
rows; reading 150 evenly (mmlt.LoadFeatureFrames) repeats them. A video's id is its path in the
folder without its suffix.

May be killed and started again, on any number of ranks: whole files stay. Several ranks:

    python tools/launch.py --standalone --nproc_per_node 2 \
        tools/features/extract_video_features.py VIDEO_DIR --out DIR ... --launcher pytorch

A video that cannot be read is reported, listed in OUT/failures.csv, skipped, and tried again by the
next run. Exit code: 0 all videos are done, 2 nothing or not all was tried, 3 some failed.
"""

from __future__ import annotations

import argparse
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
from mmengine.dist import (
    all_gather_object,
    barrier,
    broadcast_object_list,
    get_dist_info,
    init_dist,
)
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.command_line import HelpFormatter, ToldError, add_run_options, tell_error, tool_main
from mmlt.evaluation.progress import rank_progress
from mmlt.fileio.checkpoints import hash_file
from mmlt.fileio.feature_folder import (
    Failure,
    Video,
    find_videos,
    missing_videos,
    remove_unfinished,
    start_folder,
    write_failures,
    write_features,
)
from mmlt.fileio.video_frames import DECODERS, default_decoder, read_frames
from mmlt.models.frame_feature_extractor import (
    FrameFeatureExtractor,
    recognizer_backbone,
    torchvision_resnet,
)

ERRORS = (OSError, ValueError, KeyError, RuntimeError)
FRAME_OPTIONS = ('fps', 'num_frames', 'short_side', 'crop_size', 'decoder')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('videos', type=Path, help='folder of the videos')
    parser.add_argument('--out', type=Path, required=True, help='folder of the features')
    parser.add_argument('--config', help='config of mmaction2 with a Recognizer2D (TSN, TSM, ...)')
    parser.add_argument('--checkpoint', help='its weights')
    parser.add_argument('--backbone', help='instead: torchvision:resnet18, 34, 50, 101 or 152')
    parser.add_argument('--weights', help='its weights, a file as above')
    parser.add_argument('--list', nargs='+', default=[], help='VideoLT lists: their videos alone')
    parser.add_argument('--fps', type=float, default=1.0, help='frames of a second')
    parser.add_argument('--num-frames', type=int, default=150, help='most frames of a video')
    parser.add_argument('--short-side', type=int, default=256, help='pixels')
    parser.add_argument('--crop-size', type=int, default=224, help='pixels')
    parser.add_argument(
        '--decoder',
        choices=DECODERS,
        default=default_decoder(),
        help='package that reads the videos',
    )
    parser.add_argument('--fp16', action='store_true', help='store half precision')
    parser.add_argument('--batch-size', type=int, default=64, help='frames a pass')
    parser.add_argument('--num-workers', type=int, default=2, help='reading processes of a rank')
    parser.add_argument('--overwrite', action='store_true', help='replace features of other things')
    add_run_options(parser, DictAction)
    args = parser.parse_args(argv)
    given = [
        name for name in ('config', 'checkpoint', 'backbone', 'weights') if getattr(args, name)
    ]
    if given not in (['config', 'checkpoint'], ['backbone', 'weights']):
        parser.error('give --config and --checkpoint, or --backbone and --weights')
    if args.backbone and not args.backbone.startswith('torchvision:'):
        parser.error(f'--backbone {args.backbone}: it must be torchvision:resnet50 or the like')
    for name in ('num_frames', 'short_side', 'crop_size', 'batch_size'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    if not 0 < args.fps < float('inf'):
        parser.error(f'--fps must be above 0, not {args.fps}')
    if args.crop_size > args.short_side:
        parser.error(f'--crop-size {args.crop_size} exceeds --short-side {args.short_side}')
    return args


def build_model(args: argparse.Namespace) -> tuple[torch.nn.Module, dict]:
    """The backbone, and what meta.json says of it."""
    if args.config:
        config = Config.fromfile(args.config)
        config.merge_from_dict(args.cfg_options)
        init_default_scope(config.get('default_scope', 'mmaction'))
        settings = config.model.to_dict()
        model = recognizer_backbone(settings, args.checkpoint)
        parts = {key: settings.get(key) for key in ('backbone', 'data_preprocessor')}
    else:
        init_default_scope('mmaction')
        model = torchvision_resnet(args.backbone.partition(':')[2], args.weights)
        parts = {'backbone': args.backbone}
    text = json.dumps(parts, sort_keys=True, default=str).encode()
    meta = {
        'weights_sha256': hash_file(args.checkpoint or args.weights),
        'model_sha256': hashlib.sha256(text).hexdigest(),
    }
    return model.to(get_device()), meta


class _Frames(torch.utils.data.Dataset):
    """The frames of each video, or why there are none."""

    def __init__(self, videos: Sequence[Video], options: dict) -> None:
        self.videos = videos
        self.options = options

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int) -> tuple:
        video = self.videos[index]
        if not video.path:
            return video, None, 'no video file has this id'
        try:
            return video, torch.from_numpy(read_frames(video.path, **self.options)), None
        except Exception as error:  # whatever a decoder makes of a broken file
            return video, None, ' '.join(str(error).split())[:300] or type(error).__name__


def _as_it_is(sample: tuple) -> tuple:
    return sample


def extract_videos(
    extract: FrameFeatureExtractor, videos: Sequence[Video], args: argparse.Namespace
) -> list[Failure]:
    """Extract and write this rank's videos; returns those that failed."""
    rank, world_size = get_dist_info()
    options = {name: getattr(args, name) for name in FRAME_OPTIONS}
    frames_of = _Frames(videos, options)
    loader = DataLoader(
        frames_of, batch_size=None, num_workers=args.num_workers, collate_fn=_as_it_is
    )
    failures = []
    with rank_progress('videos', len(videos), rank, world_size) as advance:
        for video, frames, reason in loader:
            if reason is None:
                try:
                    write_features(args.out, video, extract(frames), _dtype(args))
                except ValueError as error:
                    reason = str(error)
            if reason is not None:
                failures.append(Failure(video.video_id, video.path, reason))
                name = video.path or video.video_id
                print(f'warning: {name} is left out: {reason}', file=sys.stderr, flush=True)
            advance()
    return failures


def _dtype(args: argparse.Namespace) -> str:
    return 'float16' if args.fp16 else 'float32'


def extract_folder(extract: FrameFeatureExtractor, meta: dict, args: argparse.Namespace) -> int:
    """Extract what is missing; rank 0 alone begins and ends the folder. Returns the exit code."""
    rank, world_size = get_dist_info()
    size = args.crop_size
    feature_dim = extract(np.zeros((1, size, size, 3), np.uint8)).shape[1]
    options = {name: getattr(args, name) for name in FRAME_OPTIONS}
    meta = {**meta, **options, 'feature_dim': feature_dim, 'dtype': _dtype(args)}
    videos = find_videos(args.videos, args.list)
    answer: list[Any] = [None, None]
    if rank == 0:
        try:
            start_folder(args.out, meta, overwrite=args.overwrite)
            answer[1] = missing_videos(args.out, videos, feature_dim)
        except ERRORS as error:
            answer[0] = str(error)
    broadcast_object_list(answer)  # or the other ranks would wait for a rank that has stopped
    if answer[0] is not None:
        raise ValueError(answer[0]) if rank == 0 else ToldError
    missing = answer[1]
    failures = extract_videos(extract, missing[rank::world_size], args)
    gathered = all_gather_object(failures)
    failures = [failure for of_rank in gathered for failure in of_rank]
    if rank == 0:
        remove_unfinished(args.out)
        file = write_failures(args.out, failures, videos)
        done = len(missing) - len(failures)
        before = f', {len(videos) - len(missing)} were there before' if missing != videos else ''
        print(f'{args.out}: features of {done} videos{before}', flush=True)
        if failures:
            print(f'{len(failures)} videos failed: {file}', file=sys.stderr, flush=True)
    barrier()
    return 3 if failures else 0


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    if args.launcher != 'none':
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
        init_dist(args.launcher, backend='nccl' if torch.cuda.is_available() else 'gloo')
    model, meta = build_model(args)
    return extract_folder(FrameFeatureExtractor(model, args.batch_size), meta, args)


main = tool_main(parse_args, run, ERRORS, tell_error)


if __name__ == '__main__':
    sys.exit(main())
