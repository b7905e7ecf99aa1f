r"""Label the persons of a data set by rule, to try the whole way without an annotator.

Example:
    python tools/data/label_tracks.py data/mine --out data/mine/annotations_by_rule.json
    python tools/data/import_annotations.py data/mine/annotations_by_rule.json --out data/mine

The labels are those that can be read off the tracks in persons.csv, which prepare_videos.py has
written: standing, walking left / right / toward / away, alone, beside another person. They are no
ground truth: nobody has looked, and a person who was missed makes his neighbour "alone". A model
that learns them shows that everything works, and no more.

OUT is a project of VIA 3, of several labels a box. It has the boxes scored at least --score-thr of
tracks of at least --min-boxes such boxes that get somewhere: a post that the detector takes for a
person never moves. The rules are in mmlt/datasets/own_data/track_rules.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.datasets.own_data.label_tracks import label_tracks


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    what = 'folder that prepare_videos.py has written'
    parser.add_argument('data', type=Path, metavar='DATA', help=what)
    parser.add_argument('--out', type=Path, required=True, help='project of VIA 3 to write')
    score = 'from here on a box is a person (default: as prepare_videos.py says of its detector)'
    parser.add_argument('--score-thr', type=float, help=score)
    parser.add_argument('--min-boxes', type=int, default=3, help='of a track that counts')
    travel = 'as far, in box heights, it must get in all'
    parser.add_argument('--min-travel', type=float, default=0.5, help=travel)
    parser.add_argument('--overwrite', action='store_true', help='replace OUT')
    args = parser.parse_args(argv)
    if args.min_boxes < 2:
        parser.error('--min-boxes must be at least 2: one box alone has no motion')
    return args


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    counts = label_tracks(
        args.data,
        args.out,
        score_thr=args.score_thr,
        min_boxes=args.min_boxes,
        min_travel=args.min_travel,
        overwrite=args.overwrite,
    )
    print(
        f'{args.out}: {counts.boxes} of {counts.boxes_before} boxes labelled by rule, of '
        f'{counts.tracks} tracks'
    )
    for name, number in counts.labels.items():
        print(f'  {number:6d}  {name}')
    return 0


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
