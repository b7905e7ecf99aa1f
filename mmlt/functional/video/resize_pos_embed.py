"""Position embeddings for another number of tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mmlt.functional.checks import check_integer, check_integers


def resize_pos_embed(
    pos_embed: Tensor,
    new_hw: Sequence[int],
    *,
    old_hw: Sequence[int] | None = None,
    num_prefix_tokens: int = 0,
) -> Tensor:
    """Interpolate learned position embeddings bilinearly, corners on corners.

    With the height 1 on both sides it is the linear interpolation of a sequence, as for the frames
    of a clip. Gradients pass through.

    Shapes: P prefix tokens (class token), grids of H x W and H' x W' tokens in row-major order, D
    features.

    Args:
        pos_embed: (1, P + H * W, D), floating point; a numpy array will do.
        new_hw: (H', W'), each >= 1.
        old_hw: (H, W); None stands for a square.
        num_prefix_tokens: P >= 0, the rows in front that belong to no place and stay as they are.

    Returns:
        (1, P + H' * W', D), of the dtype and on the device of ``pos_embed``: the tensor itself
        where both grids are equal.

    Raises:
        ValueError: Another shape or dtype, a size below 1, a number of rows that does not fit
            ``old_hw`` or is no square.

    Reference:
        Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, section 3.2; Arnab et al.,
        "Beyond Transfer Learning: Co-finetuning for Action Localisation", 2022; scenic's
        ``interpolate_positional_embeddings`` (``scipy.ndimage.zoom`` of order 1, which puts corners
        on corners).

    Differs from reference:
        Grids need not be square.

    Example:
        >>> rows = torch.tensor([7.0, 0.0, 2.0, 4.0, 6.0]).view(1, 5, 1)  # a class token, 2 x 2
        >>> resize_pos_embed(rows, (2, 3), num_prefix_tokens=1).flatten().tolist()
        [7.0, 0.0, 1.0, 2.0, 4.0, 5.0, 6.0]
    """
    pos_embed = torch.as_tensor(pos_embed)
    if pos_embed.ndim != 3 or len(pos_embed) != 1 or not pos_embed.is_floating_point():
        raise ValueError(
            f'pos_embed must be a (1, P + H * W, D) floating point tensor, got shape '
            f'{tuple(pos_embed.shape)} and dtype {pos_embed.dtype}'
        )
    num_prefix_tokens = check_integer('num_prefix_tokens', num_prefix_tokens, 0)
    num_places = pos_embed.shape[1] - num_prefix_tokens
    new_hw = check_integers('new_hw', new_hw, 2)
    old_hw = _square(num_places) if old_hw is None else check_integers('old_hw', old_hw, 2)
    if math.prod(old_hw) != num_places:
        raise ValueError(
            f'old_hw is {old_hw}, {math.prod(old_hw)} places, but pos_embed has '
            f'{pos_embed.shape[1]} rows of which {num_prefix_tokens} are prefix tokens'
        )
    if new_hw == old_hw:
        return pos_embed
    prefix, places = pos_embed.split([num_prefix_tokens, num_places], dim=1)
    grid = places.transpose(1, 2).unflatten(2, old_hw)  # (1, D, H, W)
    if grid.dtype in (torch.float16, torch.bfloat16):  # older torch interpolates them on a GPU only
        grid = grid.float()
    grid = F.interpolate(grid, size=new_hw, mode='bilinear', align_corners=True)
    places = grid.flatten(2).transpose(1, 2).to(pos_embed.dtype)  # (1, H' * W', D)
    return torch.cat([prefix, places], dim=1)


def _square(num_places: int) -> tuple[int, int]:
    side = math.isqrt(max(num_places, 0))
    if side < 1 or side * side != num_places:
        raise ValueError(
            f'pos_embed has {num_places} places beside the prefix tokens, no square: pass old_hw'
        )
    return side, side
