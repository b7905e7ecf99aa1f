r"""Make annotations of prepared videos into what a training reads: CSVs, label map, splits, config.

Examples:
    python tools/data/import_annotations.py labels.json --out data/mine
    python tools/data/import_annotations.py labels/ --out data/mine --attribute pose hands \
        --round-seconds
    python tools/data/import_annotations.py boxes.csv --out data/mine --label-map classes.pbtxt \
        --box-unit pixels --split 0.8 0.2 0

OUT is a folder of tools/data/prepare_videos.py. ANNOTATIONS are files, or folders of them:

    VIA 3       the project (json) or its export (csv): rectangles on videos or on images of frames,
                the action an attribute (checkbox, radio, select or text), the person another one,
                called person, person_id or track
    AVA         csv of VIDEO,SECOND,x1,y1,x2,y2,CLASS[,PERSON], in fractions or pixels

A video is found by its file's name or its id; of a film that was cut into parts, times are those
of the film. Images are rawframes/VIDEO/img_00030.jpg, by the rate of OUT, or VIDEO_0003.jpg.

Written are OUT/annotations/{train,val,test}.csv, label_map.pbtxt, counts.json, splits.json and
OUT/config.py, to be trained with; beside it config_stage_one.py and config_stage_two.py, for
tools/two_stage.sh. Ids of classes stay: another import keeps those of the label map
that is there, and puts new classes behind; a first one goes by the alphabet, or by --classes.
Nothing is written where something is wrong, and nothing replaced without --overwrite.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.datasets.own_data.annotated_media import ImageRule
from mmlt.datasets.own_data.config_text import config_remarks
from mmlt.datasets.own_data.import_annotations import ImportOptions, gather, summary
from mmlt.datasets.own_data.import_files import refuse_overwriting, write_import
from mmlt.fileio.annotation_formats.annotated_box import UNITS, ReadOptions
from mmlt.fileio.label_map import read_label_map

ROOT = Path(__file__).resolve().parents[2]
BASE = 'configs/own_data/slowonly_r50.py'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    what = 'files of annotations, or folders of them'
    parser.add_argument('annotations', nargs='+', type=Path, metavar='ANNOTATIONS', help=what)
    parser.add_argument('--out', type=Path, required=True, help='the prepared folder')
    parser.add_argument(
        '--attribute', nargs='+', help='VIA: the attributes that are the action, if there are more'
    )
    parser.add_argument('--label-map', type=Path, help='AVA: names of the class ids (pbtxt)')
    parser.add_argument('--box-unit', choices=UNITS, help='AVA: of the boxes, if they do not tell')
    parser.add_argument(
        '--round-seconds', action='store_true', help='move boxes to the nearest whole second'
    )
    parser.add_argument(
        '--image-numbers',
        type=image_numbers,
        metavar='seconds|RATE:FIRST',
        help='what the numbers of VIDEO_NUMBER.jpg are: seconds, or frames of RATE a second of '
        'which the first one is FIRST, as 30:1 (default: seconds, if they have four digits)',
    )
    parser.add_argument(
        '--image-size', nargs=2, type=int, metavar=('WIDTH', 'HEIGHT'), help='of images not at hand'
    )
    parser.add_argument(
        '--ignore-unknown', action='store_true', help='leave out boxes of no prepared video'
    )
    parser.add_argument(
        '--classes', type=Path, help='all classes, by id: a name a line, or a label map (pbtxt)'
    )
    shares = dict(nargs=3, type=float, metavar=('TRAIN', 'VAL', 'TEST'))
    parser.add_argument(
        '--split',
        default=[0.7, 0.15, 0.15],
        help='shares of the boxes, by whole videos; TEST may be 0: then val is tested',
        **shares,
    )
    parser.add_argument(
        '--splits', type=Path, help='instead: a JSON object of lists of videos, as splits.json'
    )
    parser.add_argument('--seed', type=int, default=0, help='decides between equally good splits')
    parser.add_argument('--base', type=Path, help=f'base of config.py (default: {BASE})')
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier import')
    args = parser.parse_args(argv)
    train, val, test = args.split
    if min(train, val) <= 0 or test < 0 or abs(train + val + test - 1) > 1e-6:
        parser.error(f'--split {train:g} {val:g} {test:g}: must be above 0 with the sum 1')
    if args.image_size and min(args.image_size) < 1:
        parser.error(f'--image-size {args.image_size} must be above 0')
    return args


def image_numbers(text: str) -> tuple[float | None, int]:
    """Rate and first number of frames; None of seconds."""
    found = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?):([0-9]+)', text)
    if text != 'seconds' and (not found or float(found[1]) == 0):
        raise argparse.ArgumentTypeError(f'{text!r} is neither seconds nor RATE:FIRST, as 30:1')
    return (float(found[1]), int(found[2])) if found else (None, 0)


def import_options(args: argparse.Namespace) -> ImportOptions:
    """What the options say."""
    names = None if args.label_map is None else read_label_map(args.label_map)
    fps, first = args.image_numbers or (None, 0)
    size = None if args.image_size is None else tuple(args.image_size)
    return ImportOptions(
        base=args.base or ROOT / BASE,
        read=ReadOptions(args.attribute, args.box_unit, names),
        images=ImageRule(fps, first, args.image_numbers == (None, 0), size),
        round_seconds=args.round_seconds,
        ignore_unknown=args.ignore_unknown,
        classes=args.classes,
        splits=args.splits,
        ratios=args.split,
        seed=args.seed,
        overwrite=args.overwrite,
    )


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    if not args.overwrite:
        refuse_overwriting(args.out)
    options = import_options(args)
    found = gather(args.annotations, args.out, options)
    files = write_import(args.out, found, options)
    for remark in found.remarks:
        print(remark)
    print(f'\n{summary(found)}\n')
    videos = (f'{split} {len(members)}' for split, members in found.splits.items())
    print(f'videos: {", ".join(videos)}')
    print('\n'.join(config_remarks(files[-1], found.names.values())))
    print(f'train with: tools/dist_train.sh {shlex.quote(str(files[-1]))} GPUS')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
