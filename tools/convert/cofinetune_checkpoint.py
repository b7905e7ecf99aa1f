r"""Make a plain mmaction2 checkpoint and config of one head of a co-finetuned model.

Example:
    python tools/convert/cofinetune_checkpoint.py CONFIG work_dirs/cofinetune/epoch_15.pth \
        --head ava --out ava.pth
    python tools/test.py ava.py ava.pth

The checkpoint is that of a FastRCNN where the head is one of boxes, else of a Recognizer3D. The
config beside it, OUT with the ending .py, has the test of the head's dataset: it gives the scores
that the co-finetuned model has there. What belongs to a training is left out of both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from mmengine.config import DictAction
from mmengine.registry import DefaultScope

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.command_line import HelpFormatter, tool_main
from mmlt.engine.runner.expand_datasets import read_config
from mmlt.fileio.atomic_write import atomic_write
from mmlt.models.convert_cofinetune import (
    check_state,
    convert_cofinetune_config,
    convert_cofinetune_state,
)
from mmlt.weights_only import read_checkpoint


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('config', type=Path, help='config of the co-finetuning')
    parser.add_argument('checkpoint', type=Path, help='its checkpoint')
    parser.add_argument('--head', required=True, help='name of the head')
    parser.add_argument('--dataset', help='whose test it is, where several datasets share the head')
    parser.add_argument('--out', type=Path, required=True, help='checkpoint to write, NAME.pth')
    parser.add_argument('--overwrite', action='store_true', help='replace existing files')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='change CONFIG')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    config_out = args.out.with_suffix('.py')
    if config_out == args.out:
        raise ValueError(f'--out {args.out}: the config goes there; name a .pth')
    if not args.config.is_file():
        raise ValueError(f'{args.config}: no such config')
    config, options = read_config(str(args.config), args.cfg_options)
    if options:
        config.merge_from_dict(options)
    checkpoint = read_checkpoint(args.checkpoint)
    with DefaultScope.overwrite_default_scope(config.get('default_scope') or 'mmaction'):
        try:
            plain = convert_cofinetune_config(config, args.head, args.dataset)
        except ValueError as error:
            raise ValueError(f'{args.config}: {error}') from None
        chosen = (config.model, args.head, args.dataset)
        try:
            state = convert_cofinetune_state(checkpoint['state_dict'], *chosen)
            check_state(state, plain.model)
        except ValueError as error:
            raise ValueError(f'{args.checkpoint}: {error}') from None
    with atomic_write(args.out, overwrite=args.overwrite) as file:
        torch.save({'meta': {}, 'state_dict': state}, file)
        with atomic_write(config_out, overwrite=args.overwrite) as config_file:
            config_file.write_text(plain.pretty_text, encoding='utf-8')
    print(args.out)
    print(config_out)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
