r"""Make the folder of a data set from videos: their frames at one rate, and a table of them.

Examples:
    python tools/data/prepare_videos.py my_videos --out data/mine
    python tools/data/prepare_videos.py film.mp4 --out data/mine --segments 3 --fps 15
    python tools/data/prepare_videos.py my_videos --out data/mine --classes stand,sit,walk \
        --detector-config DETECTOR.py --detector-checkpoint DETECTOR.pth

VIDEOS is a folder, which is searched with its subfolders, or one file: of any container, codec and
frame rate that FFmpeg reads, also of a variable rate or with a rotation flag. Frame k of a video is
what the file shows k / fps seconds after its first frame, or after the start of its segment.

OUT/videos.json says for each video where its file is and what its frames are; datasets take all of
it from there. OUT/rawframes/VIDEO/img_00000.jpg, ... are the frames; with --no-frames there are
none, and clips are decoded from the files when they are needed (mmlt.DecodeAtTimes), which takes
less room and more time.

Persons are looked for on the first frame of each second, by OpenCV's HOG detector (a stand-in) or
one of mmdet, and followed from second to second: proposals.pkl, persons.csv and, to be labelled,
persons_via.json.

A video's id is its path in the folder, without its suffix; whatever is no letter, digit, point,
dash or underscore becomes an underscore. With --segments N it is VIDEO_1 to VIDEO_N, cut at whole
seconds, each with seconds that begin again at --timestamp-start.

May be killed and started again, and called again with more videos: what is done stays. A file that
cannot be read is told, listed in OUT/prepare.parts/failures.csv, left out, and tried again by the
next run. Exit code: 0 all videos are done, 2 nothing or not all was tried, 3 some failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.datasets.own_data.done_videos import Settings
from mmlt.datasets.own_data.prepare import prepare_videos
from mmlt.datasets.own_data.video_summary import outdated, summarize
from mmlt.evaluation.progress import rank_progress
from mmlt.experiments.person_options import add_person_options, person_options
from mmlt.fileio.feature_folder import Failure
from mmlt.fileio.person_tracks import PERSONS_CSV
from mmlt.fileio.video_table import VIDEO_TABLE, VideoTable, read_video_table


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('videos', type=Path, metavar='VIDEOS', help='folder of videos, or one file')
    parser.add_argument('--out', type=Path, required=True, help='folder of the data set')
    rate = 'frames a second (default: that of OUT, or the median of the files, at most 30)'
    parser.add_argument('--fps', type=int, help=rate)
    side = 'larger frames are shrunk to so many pixels on their shorter side, as is done for AVA'
    parser.add_argument('--short-side', type=int, default=256, help=side)
    parser.add_argument('--segments', type=int, default=1, help='videos to cut each file into')
    parser.add_argument('--no-frames', action='store_true', help='write no frames')
    start = 'the second that a video begins with'
    parser.add_argument('--timestamp-start', type=int, default=0, help=start)
    parser.add_argument('--num-workers', type=int, default=os.cpu_count(), help='processes')
    what = 'replace videos of other settings, or of a file that has changed'
    parser.add_argument('--overwrite', action='store_true', help=what)
    add_person_options(parser)
    args = parser.parse_args(argv)
    for name, least in (('fps', 1), ('short_side', 16), ('segments', 1), ('num_workers', 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f'--{name.replace("_", "-")} must be at least {least}, not {value}')
    if args.timestamp_start < 0:
        parser.error(f'--timestamp-start must be at least 0, not {args.timestamp_start}')
    args.persons = person_options(parser, args)
    return args


def watch(text: str, total: int) -> AbstractContextManager[Callable[..., object]]:
    """A bar on the terminal; gives what to call with how many more of so many things are done."""
    return rank_progress(text, total, 0, 1) if total else nullcontext(lambda number=1: None)


def run_persons(table: VideoTable, args: argparse.Namespace) -> Sequence[Failure]:
    """Find the persons of all videos and say in words what was found; returns what failed."""
    # here: it needs torch, which the processes that write frames would import with this file
    from mmlt.experiments.own_data_persons import PERSONS_VIA, PROPOSALS, find_persons

    counts = find_persons(table, args.persons, watch=watch)
    lines = [
        f'{args.out / PROPOSALS}: {counts.boxes} boxes on {counts.with_persons} of '
        f'{counts.keyframes} keyframes (one a second)',
        f'{args.out / PERSONS_CSV}: the same with their {counts.tracks} tracks; {counts.persons} '
        'boxes are scored high enough to be a person',
        f'{args.out / PERSONS_VIA}: these, to be labelled in VIA 3',
    ]
    print('\n'.join(lines), flush=True)
    return counts.failures


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    short_side = None if args.no_frames else args.short_side
    before = read_video_table(args.out) if (args.out / VIDEO_TABLE).exists() else None
    prepared = prepare_videos(
        args.videos,
        args.out,
        Settings(args.fps, args.timestamp_start, args.segments, short_side),
        num_workers=args.num_workers,
        overwrite=args.overwrite,
        watch=watch,
    )
    print(summarize(prepared, args.out), flush=True)
    failures = list(prepared.failures)
    if args.persons and prepared.table:
        failures += run_persons(prepared.table, args)
    names = ['annotations', 'persons_via.json', *([] if args.persons else ['proposals.pkl'])]
    warning = prepared.table and outdated(before, prepared.table, names)
    if warning:
        print(f'warning: {warning}', file=sys.stderr, flush=True)
    return 3 if failures else 0


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
