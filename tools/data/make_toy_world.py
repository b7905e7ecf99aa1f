"""Write the toy world: a small, seeded world of drawn actors in the formats of the real sets.

Examples:
    python tools/data/make_toy_world.py --out data/toy --workers 2
    python tools/data/make_toy_world.py --out data/toy --parts ava
    python tools/data/make_toy_world.py --out data/toy --parts ava clips actor_clips

Without --parts all are drawn but actor_clips, which is for co-finetuning. A part that is already
there with the same settings is left alone, so that a second call costs nothing.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.datasets.toy_world import (
    ToyWorldConfig,
    make_actor_clip_world,
    make_ava_world,
    make_clip_world,
    make_feature_world,
    make_video_world,
)
from mmlt.evaluation.progress import count

PARTS = {
    'ava': make_ava_world,
    'clips': make_clip_world,
    'features': make_feature_world,
    'videos': make_video_world,
    'actor_clips': make_actor_clip_world,
}
DEFAULT_PARTS = ('ava', 'clips', 'features', 'videos')


def parse_setting(text: str) -> tuple[str, Any]:
    """A ``NAME=VALUE`` of ``--set``, the value as a Python literal."""
    names = {field.name for field in dataclasses.fields(ToyWorldConfig)}
    name, equals, value = text.partition('=')
    if not equals or name not in names:
        raise argparse.ArgumentTypeError(
            f'{text!r}: expected NAME=VALUE, NAME one of {sorted(names)}'
        )
    try:
        parsed = ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        raise argparse.ArgumentTypeError(
            f'{text!r}: {value!r} is not a number or a tuple'
        ) from error
    return name, tuple(parsed) if isinstance(parsed, list) else parsed


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        '--out', type=Path, required=True, help='folder of the world, one folder a part'
    )
    parser.add_argument(
        '--parts', nargs='+', choices=PARTS, default=DEFAULT_PARTS, help='what to draw'
    )
    parser.add_argument('--seed', type=int, default=0, help='decides every byte')
    parser.add_argument('--scale', type=float, default=1.0, help='share of the boxes, in (0, 1]')
    parser.add_argument('--workers', type=int, default=2, help='processes that draw')
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier toy world')
    parser.add_argument(
        '--set',
        type=parse_setting,
        nargs='+',
        default=[],
        metavar='NAME=VALUE',
        help='settings of ToyWorldConfig, such as noise_std=0.2',
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    config = ToyWorldConfig(**{'seed': args.seed, 'scale': args.scale, **dict(args.set)})
    for part in args.parts:
        out = args.out / part
        how = dict(workers=args.workers, overwrite=args.overwrite)
        with count(f'toy world, {part}') as progress:
            written = PARTS[part](out, config, progress=progress, **how)
        print(f'{out}: {"written" if written else "already there"}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
