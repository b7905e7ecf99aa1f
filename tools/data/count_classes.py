r"""Count the training samples of each class and write counts.json.

Examples:
    python tools/data/count_classes.py ava_train_v2.2.csv \
        --label-map ava_action_list_v2.2.pbtxt --out counts.json
    python tools/data/count_classes.py train.lst --format videolt \
        --count-file count-labels-train.lst --out counts.json
    python tools/data/count_classes.py train.txt --format clips --class-names labels.txt \
        --out counts.json

The file goes to class_counts= of metrics, losses and samplers, and to --train-counts of
evaluate_ava.py. Which classes are head and tail is said there: --head-min, --tail-max, as of
split_by_counts.py, which writes groups as a file.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.evaluation.progress import status
from mmlt.fileio.class_counts import ClassCounts, count_training_boxes, write_class_counts
from mmlt.fileio.clip_lists import count_training_clips, read_class_names
from mmlt.fileio.label_map import read_label_map, unmatched_exclusions_warning
from mmlt.fileio.videolt_lists import count_training_videos, read_videolt_counts
from mmlt.functional import read_ava_csv, read_excluded_timestamps

# The options that only one format has.
FORMAT_OPTIONS = {
    'ava': ('label_map', 'exclude'),
    'clips': ('class_names',),
    'videolt': ('count_file',),
}
NEEDED = {'ava': 'label_map', 'videolt': 'count_file'}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('annotations', help='training annotations')
    parser.add_argument(
        '--format',
        choices=tuple(FORMAT_OPTIONS),
        default='ava',
        help="ava: AVA's CSV, boxes are counted; clips: mmaction2's lines of 'path label "
        "[label ...]', clips are counted, ids from 0; videolt: lines of 'videoid a,b', "
        'videos are counted, ids from 0',
    )
    parser.add_argument('--label-map', help='ava: label map of all its classes (pbtxt); required')
    parser.add_argument('--exclude', help='ava: keyframes to leave out (CSV of video_id,timestamp)')
    parser.add_argument(
        '--class-names',
        help='clips: one name a line, from class 0; without it classes are called by their ids, '
        'and end at the highest one found',
    )
    parser.add_argument(
        '--count-file', help="videolt: the classes, lines of 'name index count'; required"
    )
    parser.add_argument('--out', required=True, help='counts.json to write')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    args = parser.parse_args(argv)
    for name in (n for f, names in FORMAT_OPTIONS.items() if f != args.format for n in names):
        if getattr(args, name) is not None:
            parser.error(f'--{name.replace("_", "-")} has no effect with --format {args.format}')
    needed = NEEDED.get(args.format)
    if needed is not None and getattr(args, needed) is None:
        parser.error(f'--format {args.format} needs --{needed.replace("_", "-")}')
    return args


def count(args: argparse.Namespace) -> ClassCounts:
    """Read the inputs, say what is odd about them, count."""
    if args.format == 'clips':
        names = read_class_names(args.class_names) if args.class_names else None
        return count_training_clips(args.annotations, names)
    if args.format == 'videolt':
        return count_videolt(args)
    label_map = read_label_map(args.label_map)
    excluded = read_excluded_timestamps(args.exclude) if args.exclude else None
    counts = count_training_boxes(args.annotations, label_map, excluded=excluded)
    if excluded:
        boxes = read_ava_csv(args.annotations)
        warning = unmatched_exclusions_warning(boxes, excluded, args.exclude)
        if warning:
            print(f'warning: {warning}', file=sys.stderr)
    return counts


def count_videolt(args: argparse.Namespace) -> ClassCounts:
    """Count a list of VideoLT, and say where the count file has other numbers."""
    counts = count_training_videos(args.annotations, args.count_file)
    said = read_videolt_counts(args.count_file).counts
    other = [index for index in said if said[index] != counts.counts[index]]
    if other:
        index = other[0]
        print(
            f'warning: {args.count_file} has other counts than {args.annotations} for {len(other)} '
            f'classes, e.g. {said[index]} and {counts.counts[index]} for class {index} '
            f'({counts.names[index]}); those of the list are written',
            file=sys.stderr,
        )
    return counts


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    with status('counting'):
        counts = count(args)
    write_class_counts(args.out, counts, overwrite=args.overwrite)
    values = list(counts.counts.values())
    print(f'{sum(values)} labels of {counts.unit}, {len(values)} classes: {args.out}')
    middle = statistics.median(values)
    print(f'a class has {min(values)} to {max(values)}, {middle:g} in the middle')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
