r"""Draw detections (orange, with scores) and ground truth (green) on the frames of one video.

The boxes of a keyframe stay for its second. With --data, a folder that prepare_videos.py made, the
video file itself is drawn on, at the data set's frame rate and from the video's own start in it; a
keyframe shows the moment at which its second begins, so its boxes stay from half a second before it
to half a second after.

Examples:
    python tools/analysis/draw_detections.py detections.parquet --label-map MAP.pbtxt \
        --video clip.mp4 --video-id 1j20qq1JyX4 --timestamp-start 900 --out drawn.mp4
    python tools/analysis/draw_detections.py detections.csv --label-map MAP.pbtxt \
        --frames rawframes/1j20qq1JyX4 --fps 30 --video-id 1j20qq1JyX4 --timestamp-start 900 \
        --ground-truth GT.csv --out drawn/
    python tools/analysis/draw_detections.py work_dirs/mine/test/detections.parquet \
        --data data/mine --video-id street_3 --out drawn.mp4
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.fileio.detections import read_detections
from mmlt.fileio.image_frames import (
    Frame,
    read_frame_folder,
    read_prepared_video,
    read_video,
    video_fps,
    write_frame_folder,
    write_video,
)
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.video_table import VIDEO_TABLE, read_video_table
from mmlt.functional import read_ava_csv
from mmlt.visualization.boxes import Person, draw_keyframe, group_persons

LABEL_MAP = 'annotations/label_map.pbtxt'  # in a prepared data set
Persons = dict[int, list[Person]]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('detections', help='.csv or .parquet')
    parser.add_argument(
        '--label-map', help=f'AVA label map (.pbtxt); of --data by default its {LABEL_MAP}'
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--video', help='video file')
    source.add_argument('--frames', help='folder of images whose names end in the frame number')
    source.add_argument('--data', type=Path, help='folder of a prepared data set (videos.json)')
    parser.add_argument('--video-id', required=True, help='the video in the detections')
    parser.add_argument(
        '--timestamp-start', type=int, help='timestamp of the first frame, s; of --video, --frames'
    )
    parser.add_argument('--fps', type=float, help="default: the video's own; 30 for --frames")
    parser.add_argument(
        '--start-index', type=int, help='number of the first of --frames (default: 1)'
    )
    parser.add_argument('--min-score', type=float, default=0.3, help='least score drawn')
    parser.add_argument('--top', type=int, default=3, help='labels a box')
    parser.add_argument('--ground-truth', help='annotations (.csv)')
    parser.add_argument('--scale', type=int, help='enlarge frames; default: until text fits')
    parser.add_argument('--out', required=True, help='an .mp4, or a folder for images')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    args = parser.parse_args(argv)
    for name, low in (('fps', 1e-6), ('top', 1), ('scale', 1)):
        value = getattr(args, name)
        if value is not None and value < low:
            parser.error(f'--{name} must be positive, got {value}')
    if Path(args.out).suffix.lower() in ('.avi', '.mkv', '.mov', '.webm'):
        parser.error(f'--out must end in .mp4 or be a folder, got {args.out}')
    check_source(parser, args)
    return args


def check_source(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what contradicts the source, or is missing beside it."""
    if args.data:
        for name in ('timestamp_start', 'fps', 'start_index'):
            if getattr(args, name) is not None:
                parser.error(f'--{name.replace("_", "-")}: {VIDEO_TABLE} of --data says it')
        args.label_map = args.label_map or args.data / LABEL_MAP
        return
    for name in ('label_map', 'timestamp_start'):
        if getattr(args, name) is None:
            parser.error(f'the following arguments are required: --{name.replace("_", "-")}')
    source = Path(args.video or args.frames)
    if Path(args.out).resolve() == source.resolve():
        parser.error(f'--out {args.out} is the source itself, which would be lost')


def read_persons(args: argparse.Namespace) -> tuple[Persons, Persons]:
    """Detections and ground truth of the video."""
    detections = group_persons(
        read_detections(args.detections), args.video_id, min_score=args.min_score, top=args.top
    )
    ground_truth = {}
    if args.ground_truth:
        ground_truth = group_persons(read_ava_csv(args.ground_truth), args.video_id)
    return detections, ground_truth


class Source(NamedTuple):
    """What is drawn on: frames, how many a second, and the keyframe of each by its index."""

    frames: Iterator[Frame]
    fps: float
    second_of: Callable[[int], int]


def open_source(args: argparse.Namespace) -> Source:
    """The frames that the options name; none is read yet."""
    if args.data:
        return open_prepared(args.data, args.video_id, args.out)
    fps = args.fps or (video_fps(args.video) if args.video else 30.0)
    start_index = 1 if args.start_index is None else args.start_index
    if args.video:
        frames = read_video(args.video)
    else:
        frames = read_frame_folder(args.frames, start_index=start_index)
    return Source(frames, fps, lambda index: args.timestamp_start + int(index / fps + 1e-6))


def open_prepared(folder: Path, video_id: str, out: str) -> Source:
    """The video file of a prepared data set; a frame's keyframe is the nearest one."""
    table = read_video_table(folder)
    frames = read_prepared_video(table, video_id)
    if Path(out).resolve() in (table.video_path(video_id).resolve(), folder.resolve()):
        raise ValueError(f'--out {out} is the source itself, which would be lost')
    seconds = table.seconds(video_id)

    def second_of(index: int) -> int:
        nearest = (2 * index // table.fps + 1) // 2
        return seconds[min(nearest, len(seconds) - 1)]

    return Source(frames, table.fps, second_of)


def draw_frames(
    source: Source,
    label_map: dict[int, str],
    detections: Persons,
    ground_truth: Persons,
    scale: int | None = None,
) -> Iterator[Frame]:
    """The frames of the source, drawn on."""
    seconds = set()
    for frame in source.frames:
        second = source.second_of(frame.index)
        seconds.add(second)
        persons = (detections.get(second, ()), ground_truth.get(second, ()))
        image = draw_keyframe(frame.image, *persons, label_map, scale=scale)
        yield frame._replace(image=image)
    keyframes = {*detections, *ground_truth}
    if keyframes.isdisjoint(seconds):
        boxes = f'{min(keyframes)} to {max(keyframes)}' if keyframes else 'none (see --min-score)'
        print(
            f'warning: nothing is drawn: the frames show seconds {min(seconds)} to {max(seconds)}, '
            f'the keyframes with boxes are {boxes}; see --timestamp-start',
            file=sys.stderr,
        )
    elif outside := keyframes - seconds:
        print(
            f'warning: {len(outside)} of {len(keyframes)} keyframes with boxes are not drawn: the '
            f'frames show seconds {min(seconds)} to {max(seconds)}; see --timestamp-start and '
            '--fps',
            file=sys.stderr,
        )


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    source = open_source(args)
    # Before anything is made on disk: a wrong --video-id leaves nothing behind.
    label_map, persons = read_label_map(args.label_map), read_persons(args)
    drawn = draw_frames(source, label_map, *persons, args.scale)
    frames = track(drawn, description='drawing', total=None)
    if Path(args.out).suffix.lower() == '.mp4':
        write_video(args.out, frames, source.fps, overwrite=args.overwrite)
    else:
        write_frame_folder(args.out, frames, overwrite=args.overwrite)
    print(f'drawn: {args.out}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
