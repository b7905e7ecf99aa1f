"""Count the training boxes of each class and write counts.json.

Example:
    python tools/data/count_classes.py ava_train_v2.2.csv \
        --label-map ava_action_list_v2.2.pbtxt --out counts.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.evaluation.ava_files import read_label_map
from mmlt.functional import read_excluded_timestamps
from mmlt.functional.class_files import count_training_boxes, write_class_counts


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('annotations', help='training annotations (AVA CSV)')
    parser.add_argument('--label-map', required=True, help='label map of all its classes (pbtxt)')
    parser.add_argument('--exclude', help='keyframes to leave out (CSV of video_id,timestamp)')
    parser.add_argument('--out', required=True, help='counts.json to write')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    args = parse_args(argv)
    try:
        label_map = read_label_map(args.label_map)
        excluded = read_excluded_timestamps(args.exclude) if args.exclude else None
        counts = count_training_boxes(args.annotations, label_map, excluded=excluded)
        write_class_counts(args.out, counts, overwrite=args.overwrite)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(f'{sum(counts.counts.values())} boxes of {len(counts.counts)} classes: {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
