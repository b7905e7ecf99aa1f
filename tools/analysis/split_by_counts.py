r"""Split the classes into head, medium and tail by their training counts.

Examples:
    python tools/analysis/split_by_counts.py ava_v2.2 --tail-max 999 --out split.json
    python tools/analysis/split_by_counts.py counts.json --head-min 500 --tail-max 50 \
        --out split.json

COUNTS is a counts.json of tools/data/count_classes.py, or the name of counts that ship with mmlt.
The tail has classes of at most --tail-max samples, the head all others; with --head-min, those
between are the medium group. Two-stage training (tools/two_stage.sh) trains the head's classes in
its first stage and all classes in its second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.evaluation.groups import empty_groups
from mmlt.fileio.class_counts import read_class_counts
from mmlt.fileio.class_split import ClassSplit, write_split
from mmlt.functional import split_head_medium_tail
from mmlt.functional.checks import check_integer


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('counts', metavar='COUNTS', help='counts.json, or a built-in name')
    parser.add_argument('--tail-max', type=int, required=True, help='most samples of a tail class')
    parser.add_argument('--head-min', type=int, help='a head class has more; a three-way split')
    parser.add_argument('--out', required=True, help='split file to write (JSON)')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    return parser.parse_args(argv)


def split_counts(path: str, tail_max: int, head_min: int | None = None) -> ClassSplit:
    """The split of the classes of a counts file."""
    check_integer('tail_max', tail_max, 0)  # named before head_min, which may stand for it
    counts = read_class_counts(path, min_id=0)
    ids = np.array(list(counts.counts))
    values = np.array(list(counts.counts.values()))
    bounds = {'head_min': tail_max if head_min is None else head_min, 'tail_max': tail_max}
    parts = split_head_medium_tail(values, **bounds)
    groups = {group: tuple(sorted(ids[getattr(parts, group)].tolist())) for group in parts._fields}
    source = f'{counts.source}: tail <= {tail_max}'
    if head_min is None:
        del groups['medium']  # empty: head and tail meet
    else:
        source += f', head > {head_min}'
    sentence = empty_groups(groups, values, **bounds, unit=counts.unit)
    if sentence:
        two_way = ', or leave out --head-min' if groups.get('medium') == () else ''
        raise ValueError(f'{path}: {sentence}{two_way}')
    return ClassSplit(source, groups)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    split = split_counts(args.counts, args.tail_max, args.head_min)
    write_split(args.out, split, overwrite=args.overwrite)
    sizes = ', '.join(f'{group} {len(ids)}' for group, ids in split.groups.items())
    print(f'{sizes} classes ({split.source}): {args.out}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
