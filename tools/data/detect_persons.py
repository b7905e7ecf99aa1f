r"""Write the person boxes that a detector of mmdet finds as AVA's proposals, one frame a second.

Examples:
    python tools/data/detect_persons.py data/ava/rawframes --config DETECTOR.py \
        --checkpoint DETECTOR.pth --seconds 902 1798 --out data/ava/proposals.pkl
    python tools/data/detect_persons.py mine/videos --config DETECTOR.py \
        --checkpoint DETECTOR.pth --timestamp-start 0 --out mine/proposals.pkl

VIDEOS is a folder of video files, or of folders of frames (VIDEO/img_00001.jpg, ...). --fps,
--filename-tmpl, --start-index and --timestamp-start are those of the AVA dataset that is to read
the clips: boxes are of the very frame on which mmaction2's SampleAVAFrames centres the clip of a
second. Video files count from 0: their dataset has start_index=0. A video's id is its path in the
folder, of a file without its suffix.

OUT is a pickled dict 'VIDEO,%04d' -> (n, 5) x1 y1 x2 y2 score, in fractions of the frame, best
first. A second on which nobody is found has no entry. Which scores are a person is said by the
dataset (person_det_score_thr) or the feature bank (--score-thr): --score-thr here is low, as that
of mmdet's own test_cfg, for a box that is left out is gone.

May be killed and started again, on any number of ranks: OUT.parts holds a file a video, and stays,
so that another run does only what is new. Several ranks:

    python tools/launch.py --standalone --nproc_per_node 2 \
        tools/data/detect_persons.py VIDEOS ... --out OUT --launcher pytorch

A video that cannot be read is reported, listed in OUT.parts/failures.csv, left out, and tried again
by the next run. Exit code: 0 all videos are done, 2 nothing or not all was tried, 3 some failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from mmengine.config import DictAction
from mmengine.dist import (
    all_gather_object,
    barrier,
    get_dist_info,
    init_dist,
)
from mmengine.utils.dl_utils import set_multi_processing

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.command_line import HelpFormatter, add_run_options, tell_error, tool_main
from mmlt.datasets.keyframe_batches import KeyframeBatches
from mmlt.evaluation.progress import rank_progress
from mmlt.experiments.box_extraction import ERRORS, on_rank_zero
from mmlt.experiments.person_detection import detect_videos, mmdet_persons
from mmlt.fileio.feature_folder import (
    FAILURES_FILE,
    Failure,
    Video,
    remove_unfinished,
    write_failures,
)
from mmlt.fileio.keyframe_images import KeyframeRule, find_keyframe_videos
from mmlt.fileio.person_boxes import (
    join_persons,
    missing_persons,
    parts_folder,
    start_persons,
    write_persons,
)
from mmlt.fileio.video_frames import DECODERS, default_decoder
from mmlt.models.person_detector import PersonDetector


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    what = 'folder of video files, or of folders of frames'
    parser.add_argument('videos', type=Path, metavar='VIDEOS', help=what)
    parser.add_argument('--config', required=True, help='config of the detector')
    parser.add_argument('--checkpoint', required=True, help='its weights')
    parser.add_argument('--out', type=Path, required=True, help='the proposal file')
    parser.add_argument('--person-label', default='person', help='name or index of the class')
    parser.add_argument('--score-thr', type=float, default=0.05, help='lower scores are left out')
    ends = dict(type=int, nargs=2, metavar=('START', 'END'))
    parser.add_argument('--seconds', **ends, help='first and last (default: all; AVA: 902 1798)')
    rate = 'frames a second (default: 30; of a video file its own, if that is a whole number)'
    parser.add_argument('--fps', type=float, help=rate)
    parser.add_argument('--filename-tmpl', default='img_{:05}.jpg', help='file names of frames')
    parser.add_argument('--start-index', type=int, default=1, help='number of the first frame')
    parser.add_argument('--timestamp-start', type=int, default=900, help='second where they start')
    decoder = dict(choices=DECODERS, default=default_decoder())
    parser.add_argument('--decoder', **decoder, help='what reads video files')
    parser.add_argument('--batch-size', type=int, default=8, help='frames a pass')
    parser.add_argument('--num-workers', type=int, default=2, help='reading processes of a rank')
    parser.add_argument('--device', help='such as cpu (default: a GPU where there is one)')
    parser.add_argument('--overwrite', action='store_true', help='replace boxes of other things')
    add_run_options(parser, DictAction)
    args = parser.parse_args(argv)
    if args.batch_size < 1:
        parser.error('--batch-size must be at least 1')
    if not (args.fps is None or 0 < args.fps < float('inf')):
        parser.error(f'--fps must be above 0, not {args.fps}')
    if not 0 <= args.score_thr <= 1:
        parser.error(f'--score-thr must be from 0 to 1, not {args.score_thr}')
    if args.seconds and not args.timestamp_start <= args.seconds[0] <= args.seconds[1]:
        start = f'--timestamp-start {args.timestamp_start}'
        parser.error(f'--seconds {args.seconds[0]} {args.seconds[1]} must ascend from {start} on')
    return args


def keyframe_rule(args: argparse.Namespace, are_frames: bool) -> KeyframeRule:
    """What the options say of the frames."""
    seconds = tuple(args.seconds) if args.seconds else None
    common = dict(timestamp_start=args.timestamp_start, seconds=seconds, decoder=args.decoder)
    if not are_frames:
        return KeyframeRule(args.fps, **common)
    frames = dict(start_index=args.start_index, filename_tmpl=args.filename_tmpl)
    return KeyframeRule(args.fps or 30.0, **frames, **common)


def detect_share(
    detect: PersonDetector, batches: KeyframeBatches, num_workers: int, folder: Path
) -> list[Failure]:
    """Detect in this rank's videos and write their boxes; returns those that failed."""
    asked = batches.rule.seconds
    with rank_progress('videos', len(batches.videos), *get_dist_info()) as advance:
        return detect_videos(
            detect,
            batches,
            num_workers,
            write=partial(write_persons, folder),
            advance=lambda videos, _: advance(videos),
            last_second=asked[1] if asked else None,
        )


def detect_folder(args: argparse.Namespace) -> int:
    """Detect in what is missing; rank 0 alone begins and ends. Returns the exit code."""
    rank, world_size = get_dist_info()
    videos, are_frames = find_keyframe_videos(args.videos, args.filename_tmpl, args.start_index)
    rule, folder = keyframe_rule(args, are_frames), parts_folder(args.out)
    source = mmdet_persons(
        args.config,
        args.checkpoint,
        person_label=args.person_label,
        score_thr=args.score_thr,
        device=args.device,
        cfg_options=args.cfg_options,
    )
    seconds = list(rule.seconds) if rule.seconds else None
    settings = {**source.settings, **rule._asdict(), 'seconds': seconds}

    def begin() -> list[Video]:
        start_persons(args.out, settings, overwrite=args.overwrite)
        return missing_persons(folder, videos)

    missing = on_rank_zero(begin)
    batches = KeyframeBatches(missing[rank::world_size], rule, source.pipeline, args.batch_size)
    gathered = all_gather_object(detect_share(source.detect, batches, args.num_workers, folder))
    failures = [failure for of_rank in gathered for failure in of_rank]
    if rank == 0:
        finish(args.out, videos, len(missing), failures)
    barrier()
    return 3 if failures else 0


def finish(out: Path, videos: Sequence[Video], num_missing: int, failures: list[Failure]) -> None:
    """Write the proposal file and say what is in it."""
    folder = parts_folder(out)
    remove_unfinished(folder)
    (folder / FAILURES_FILE).unlink(missing_ok=True)  # whatever had failed was tried again
    file = write_failures(folder, failures, videos)
    failed = {failure.video_id for failure in failures}
    good = [video for video in videos if video.video_id not in failed]
    if good:
        keyframes, boxes = join_persons(out, good)
        before = len(videos) - num_missing
        told = f', {before} of them were done before' if before else ''
        counts = f'{boxes} boxes on {keyframes} keyframes'
        print(f'{out}: {counts} of {len(good)} videos{told}', flush=True)
    if failures:
        print(f'{len(failures)} videos failed: {file}', file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    if args.launcher != 'none':
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
        # as the runner does: init_dist alone has each loader process import everything anew
        set_multi_processing(distributed=True)
        init_dist(args.launcher, backend='nccl' if torch.cuda.is_available() else 'gloo')
    return detect_folder(args)


main = tool_main(parse_args, run, ERRORS, tell_error)


if __name__ == '__main__':
    sys.exit(main())
