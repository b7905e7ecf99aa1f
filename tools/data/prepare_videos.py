r"""Make a data set's folder of videos: frames at one whole rate, and a table of what there is.

Examples:
    python tools/data/prepare_videos.py my_videos --out data/mine
    python tools/data/prepare_videos.py film.mp4 --out data/mine --segments 3 --fps 15

VIDEOS is a folder, which is searched with its subfolders, or one file: any container and codec that
FFmpeg reads, any frame rate, also a variable one. Frames are taken by time: frame k of a video is
what the file shows k / fps s after its first frame.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.datasets.own_data.done_videos import Settings
from mmlt.datasets.own_data.prepare import prepare_videos
from mmlt.evaluation.progress import rank_progress


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('videos', type=Path, metavar='VIDEOS', help='a folder or one file')
    parser.add_argument('--out', type=Path, required=True, help='the folder of the data set')
    parser.add_argument('--fps', type=int, help='frames a second')
    parser.add_argument('--short-side', type=int, default=256, help='px')
    parser.add_argument('--segments', type=int, default=1, help='parts')
    parser.add_argument('--no-frames', action='store_true', help='write none')
    parser.add_argument('--timestamp-start', type=int, default=0, help='second of the first frame')
    parser.add_argument('--num-workers', type=int, default=2, help='processes')
    parser.add_argument('--overwrite', action='store_true', help='replace')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    short_side = None if args.no_frames else args.short_side
    settings = Settings(args.fps, args.timestamp_start, args.segments, short_side)
    prepared = prepare_videos(
        args.videos,
        args.out,
        settings,
        num_workers=args.num_workers,
        overwrite=args.overwrite,
        watch=lambda text, total: rank_progress(text, total, 0, 1),
    )
    for each in prepared.done:
        print(each)
    for each in prepared.failures:
        print(each)
    return 3 if prepared.failures else 0


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
