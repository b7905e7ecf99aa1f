r"""Make a checkpoint for mmlt's heads of one that VideoLT's code wrote.

Example:
    python tools/convert/videolt_checkpoint.py R101_nonlinear_framestack.pth.tar \
        --out framestack_nonlinear.pth
    python tools/test.py configs/videolt/... framestack_nonlinear.pth

The head's layers take the names of ``mmlt.NonlinearHead`` or ``mmlt.NetVLADHead``, with 'head.'
in front, as in ``mmlt.FeatureRecognizer``. What belongs to a training (optimizer, epoch) is left
out. A key of neither model, or a missing one, is an error.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.fileio.atomic_write import atomic_write
from mmlt.models.heads.videolt import convert_videolt_checkpoint
from mmlt.weights_only import load_weights_only


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('checkpoint', type=Path, help="checkpoint of VideoLT's code")
    parser.add_argument('--out', type=Path, required=True, help='checkpoint to write')
    parser.add_argument('--prefix', default='head.', help='in front of keys (default: %(default)s)')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    return parser.parse_args(argv)


def convert(path: Path, prefix: str) -> dict:
    """The converted checkpoint, read without running what the file may say.

    Raises:
        ValueError: Not a checkpoint, or of another model; names the file.
    """
    try:
        checkpoint = load_weights_only(path)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f'{path}: not a checkpoint that is safe to load: {reason}') from None
    if not isinstance(checkpoint, Mapping):
        raise ValueError(f'{path}: no state_dict in it but {type(checkpoint).__name__}')
    try:
        state = convert_videolt_checkpoint(checkpoint)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    return {'meta': {}, 'state_dict': {prefix + key: value for key, value in state.items()}}


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    converted = convert(args.checkpoint, args.prefix)
    with atomic_write(args.out, overwrite=args.overwrite) as file:
        torch.save(converted, file)
    print(args.out)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
