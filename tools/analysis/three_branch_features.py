"""Parts of the features of tools/analysis/three_branch_toy.py alone.

Example:
    python tools/analysis/three_branch_features.py extract --world WORLD/ava \
        --checkpoint TRUNK.pth --out features.npz
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.experiments.three_branch_features.extraction import extract_world
from mmlt.fileio.atomic_write import atomic_write


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parts = parser.add_subparsers(dest='part', required=True)
    extract = parts.add_parser('extract', help='features of a world')
    extract.add_argument('--world', type=Path, required=True, help='folder of its AVA part')
    extract.add_argument('--checkpoint', help='of its trunk; default: one that is not trained')
    extract.add_argument('--out', type=Path, required=True, help='file.npz')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Do the part."""
    arrays = extract_world(args.world, args.checkpoint)
    with atomic_write(args.out, overwrite=True) as file, open(file, 'wb') as stream:
        np.savez(stream, **arrays)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
