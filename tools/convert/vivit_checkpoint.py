r"""Make a checkpoint that ``mmlt.ViViT`` starts from of published weights.

Example:
    python tools/convert/vivit_checkpoint.py B_16.npz --img-size 224 224 --out vivit_base_in21k.pth
    python tools/convert/vivit_checkpoint.py vivit_base_16x2_fe/checkpoint --out vivit_k400.pth

and in the config ``init_cfg=dict(type='Pretrained', checkpoint='vivit_base_in21k.pth')``. It takes

- image ViTs: the published .npz, a checkpoint of flax, timm's ``VisionTransformer`` and
  transformers' ``ViTModel`` (.pth, .bin, .safetensors). The patch kernel is inflated; the temporal
  encoder and the class tokens are not in the result and start as initialised.
- scenic's ViViT with the factorised encoder, a checkpoint of flax.

Nothing in a file is run. Positions of another size are also resized when the checkpoint is loaded.
Weights that are unknown, missing or of another shape are an error; a classifier is left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.weight_files import read_weights_file
from mmlt.models.backbones.vivit import convert_vivit_or_image_vit
from mmlt.weights_only import read_weights

_OF_TORCH = ('.pth', '.pt', '.bin', '.tar')
_IMAGE_OPTIONS = ('tubelet_size', 'img_size', 'pool', 'method', 'pretrain_img_size')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        'weights',
        type=Path,
        help='.npz, .safetensors, .pth, .pt, .bin or .tar; any other name: a checkpoint of flax',
    )
    parser.add_argument('--out', type=Path, required=True, help='checkpoint to write')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    image = parser.add_argument_group('image models')
    image.add_argument(
        '--tubelet-size',
        type=int,
        nargs=3,
        metavar=('T', 'H', 'W'),
        help='of the video model (default: 2 16 16)',
    )
    image.add_argument(
        '--img-size',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='resize the positions to it (default: as they are)',
    )
    image.add_argument(
        '--pool',
        choices=('gap', 'token'),
        help="of the video model; token keeps the class token's position (default: gap)",
    )
    image.add_argument(
        '--method', choices=('central', 'average'), help='of inflation (default: central)'
    )
    image.add_argument(
        '--pretrain-img-size',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='of the image model (default: a square)',
    )
    return parser.parse_args(argv)


def read(path: Path) -> Mapping:
    """Arrays or tensors of a file, by name."""
    if path.suffix.lower() in _OF_TORCH:
        return read_weights(str(path))
    return read_weights_file(path)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    options = {name: getattr(args, name) for name in _IMAGE_OPTIONS}
    given = {name: value for name, value in options.items() if value is not None}
    weights = read(args.weights)
    try:
        state = convert_vivit_or_image_vit(weights, **given)
    except ValueError as error:
        raise ValueError(f'{args.weights}: {error}') from None
    with atomic_write(args.out, overwrite=args.overwrite) as file:
        torch.save({'meta': {}, 'state_dict': state}, file)
    print(args.out)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
