r"""Draw detections (orange, with scores) and ground truth (green) on the frames of one video.

The boxes of a keyframe stay for its second.

Examples:
    python tools/analysis/draw_detections.py detections.parquet --label-map MAP.pbtxt \
        --video clip.mp4 --video-id 1j20qq1JyX4 --timestamp-start 900 --out drawn.mp4
    python tools/analysis/draw_detections.py detections.csv --label-map MAP.pbtxt \
        --frames rawframes/1j20qq1JyX4 --fps 30 --video-id 1j20qq1JyX4 --timestamp-start 900 \
        --ground-truth GT.csv --out drawn/
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.fileio.detections import read_detections
from mmlt.fileio.image_frames import (
    Frame,
    read_frame_folder,
    read_video,
    video_fps,
    write_frame_folder,
    write_video,
)
from mmlt.fileio.label_map import read_label_map
from mmlt.functional import read_ava_csv
from mmlt.visualization.boxes import Person, draw_keyframe, group_persons

Persons = dict[int, list[Person]]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('detections', help='.csv or .parquet')
    parser.add_argument('--label-map', required=True, help='AVA label map (.pbtxt)')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--video', help='video file')
    source.add_argument('--frames', help='folder of images whose names end in the frame number')
    parser.add_argument('--video-id', required=True, help='the video in the detections')
    parser.add_argument(
        '--timestamp-start', type=int, required=True, help='timestamp of the first frame, s'
    )
    parser.add_argument('--fps', type=float, help="default: the video's own; 30 for --frames")
    parser.add_argument('--start-index', type=int, default=1, help='number of the first frame')
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
    source = Path(args.video or args.frames)
    if Path(args.out).resolve() == source.resolve():
        parser.error(f'--out {args.out} is the source itself, which would be lost')
    return args


def read_persons(args: argparse.Namespace) -> tuple[Persons, Persons]:
    """Detections and ground truth of the video."""
    detections = group_persons(
        read_detections(args.detections), args.video_id, min_score=args.min_score, top=args.top
    )
    ground_truth = {}
    if args.ground_truth:
        ground_truth = group_persons(read_ava_csv(args.ground_truth), args.video_id)
    return detections, ground_truth


def draw_frames(
    args: argparse.Namespace,
    fps: float,
    label_map: dict[int, str],
    detections: Persons,
    ground_truth: Persons,
) -> Iterator[Frame]:
    """The frames of the source, drawn on."""
    if args.video:
        frames = read_video(args.video)
    else:
        frames = read_frame_folder(args.frames, start_index=args.start_index)
    seconds = set()
    for frame in frames:
        second = args.timestamp_start + int(frame.index / fps + 1e-6)
        seconds.add(second)
        persons = (detections.get(second, ()), ground_truth.get(second, ()))
        image = draw_keyframe(frame.image, *persons, label_map, scale=args.scale)
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
    fps = args.fps or (video_fps(args.video) if args.video else 30.0)
    # Before anything is made on disk: a wrong --video-id leaves nothing behind.
    label_map, persons = read_label_map(args.label_map), read_persons(args)
    drawn = draw_frames(args, fps, label_map, *persons)
    frames = track(drawn, description='drawing', total=None)
    if Path(args.out).suffix.lower() == '.mp4':
        write_video(args.out, frames, fps, overwrite=args.overwrite)
    else:
        write_frame_folder(args.out, frames, overwrite=args.overwrite)
    print(f'drawn: {args.out}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
