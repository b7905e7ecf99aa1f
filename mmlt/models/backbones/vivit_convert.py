"""Weights of scenic's ViViT and of image ViTs as those of :class:`ViViT`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmlt.functional import inflate_kernel, resize_pos_embed
from mmlt.functional.checks import check_choice, check_image_size, check_integers
from mmlt.models.backbones.vivit_image import read_image_vit
from mmlt.models.backbones.vivit_leaves import (
    check_leaves,
    count_blocks,
    flax_encoder_shapes,
    flax_encoder_state,
    read_leaves,
    size_of,
)

#: Encoder there -> encoder here.
_ENCODERS = {'SpatialTransformer': 'spatial_encoder', 'TemporalTransformer': 'temporal_encoder'}
_HEAD = 'output_projection'
#: Where train states of flax and scenic keep their parameters.
_ROOTS = ('', 'params/', 'params/params/', 'target/', 'opt/target/')
_ROOTS += ('optimizer/target/', 'optimizer/target/params/')


def convert_scenic_checkpoint(leaves: Mapping[str, Any]) -> dict[str, Tensor]:
    """State dict of :class:`ViViT` from the weights of scenic's factorised encoder.

    The classifier (``output_projection``) is no part of the backbone and left out: see
    :func:`convert_scenic_head`. :func:`vivit_sizes` gives the arguments of the model.

    Args:
        leaves: Arrays by path, as 'SpatialTransformer/encoderblock_0/...', with or without a
            leading 'params/'; modules of a block numbered as linen does
            ('MultiHeadDotProductAttention_0', 'LayerNorm_1', 'MlpBlock_0') or as flax did before
            ('MultiHeadDotProductAttention_1', 'LayerNorm_2', 'MlpBlock_3').

    Returns:
        New tensors, by name.

    Raises:
        ValueError: Leaves unknown, missing or misshapen; names them.

    Reference:
        ``SpaceTimeViViT`` in scenic (projects/vivit/model.py).
    """
    tensors = _read_scenic(leaves)
    state = {
        # (t, h, w, C, D) -> (D, C, t, h, w)
        'tubelet_embedding.weight': tensors['embedding/kernel'].permute(4, 3, 0, 1, 2),
        'tubelet_embedding.bias': tensors['embedding/bias'],
    }
    for theirs, ours in _ENCODERS.items():
        encoder = flax_encoder_state(tensors, theirs)
        if f'cls_{theirs}' in tensors:
            encoder['class_token'] = tensors[f'cls_{theirs}']
        state.update({f'{ours}.{name}': value for name, value in encoder.items()})
    return _copied(state)


def convert_scenic_head(leaves: Mapping[str, Any]) -> dict[str, Tensor]:
    """State dict of the ``nn.Linear`` that is scenic's classifier: weight (C, D), bias (C,).

    Args:
        leaves: As for :func:`convert_scenic_checkpoint`.

    Raises:
        ValueError: They hold no classifier.
    """
    tensors = _read_scenic(leaves)
    if f'{_HEAD}/kernel' not in tensors:
        raise ValueError(f'no {_HEAD}/kernel among the leaves')
    weight = tensors[f'{_HEAD}/kernel'].T  # (D, C) -> (C, D)
    return _copied({'weight': weight, 'bias': tensors[f'{_HEAD}/bias']})


def vivit_sizes(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the :class:`ViViT` that weights of scenic's are of.

    Args:
        leaves: As for :func:`convert_scenic_checkpoint`.

    Returns:
        All sizes and ``pool``. ``img_size`` is a square's: where the positions are none of a
        square it is left out.
    """
    tensors = _read_scenic(leaves)
    blocks = [f'{name}/encoderblock_0' for name in _ENCODERS]
    num_class_tokens = int(f'cls_{next(iter(_ENCODERS))}' in tensors)
    kernel = tensors['embedding/kernel']
    num_places, num_steps = (
        tensors[f'{name}/posembed_input/pos_embedding'].shape[1] - num_class_tokens
        for name in _ENCODERS
    )
    query = 'MultiHeadDotProductAttention_0/query/bias'
    sizes = dict(
        embed_dims=kernel.shape[4],
        num_layers=tuple(count_blocks(tensors, f'{name}/encoderblock_') for name in _ENCODERS),
        num_heads=tuple(tensors[f'{block}/{query}'].shape[0] for block in blocks),
        mlp_dims=tuple(tensors[f'{b}/MlpBlock_0/Dense_0/bias'].shape[0] for b in blocks),
        tubelet_size=tuple(kernel.shape[:3]),
        in_channels=kernel.shape[3],
        num_frames=num_steps * kernel.shape[0],
        pool='token' if num_class_tokens else 'gap',
    )
    side = math.isqrt(num_places)
    if side * side == num_places:
        sizes['img_size'] = (side * kernel.shape[1], side * kernel.shape[2])
    return sizes


def convert_vivit_or_image_vit(arrays: Mapping[str, Any], **options: Any) -> dict[str, Tensor]:
    """Weights for :class:`ViViT` from whatever a file of weights holds.

    Args:
        arrays: By name, as :func:`mmlt.fileio.weight_files.read_weights_file` or a checkpoint of
            torch gives them: scenic's ViViT or an image model, perhaps within a train state.
        options: Of :func:`convert_image_vit`; for scenic's ViViT there are none.

    Raises:
        ValueError: As of the two converters; options for scenic's ViViT.
    """
    root = next((root for root in _ROOTS if f'{root}embedding/kernel' in arrays), '')
    leaves = {
        name.removeprefix(root): value for name, value in arrays.items() if name.startswith(root)
    }
    if not any(name.startswith(tuple(_ENCODERS)) for name in leaves):
        return convert_image_vit(leaves, **options)
    if options:
        raise ValueError(f'{", ".join(options)}: not for the weights of a ViViT, as these are')
    return convert_scenic_checkpoint(leaves)


def convert_image_vit(
    leaves: Mapping[str, Any],
    *,
    tubelet_size: Sequence[int] = (2, 16, 16),
    img_size: int | Sequence[int] | None = None,
    pool: str = 'gap',
    method: str = 'central',
    pretrain_img_size: int | Sequence[int] | None = None,
) -> dict[str, Tensor]:
    """What :class:`ViViT` takes over from an image ViT, by its own names.

    That is the tubelet embedding (the patch kernel inflated) and the spatial encoder with its
    positions. The temporal encoder, both class tokens and the head are not in the result: they stay
    as initialised, as in scenic.

    Args:
        leaves: Arrays by name: of flax (as in the published .npz files), of timm's
            ``VisionTransformer`` or of transformers' ``ViTModel``.
        tubelet_size: (t, h, w) of the video model; h and w those of the image model's patches.
        img_size: (H, W) of the video model, to resize the positions to; None: as they are.
        pool: That of the video model: with 'token' the class token's position stays the first,
            with 'gap' it is left out. Where the image model has none, none is made up.
        method: Inflation of the kernel, 'central' or 'average'.
        pretrain_img_size: (H, W) of the image model; None stands for a square.

    Returns:
        New tensors, by name.

    Raises:
        ValueError: Leaves unknown, missing or misshapen (names them); patches of another size than
            the tubelets; positions that are no square's.

    Reference:
        Arnab et al., "ViViT: A Video Vision Transformer", ICCV 2021, section 3.4;
        ``initialise_from_train_state`` in scenic (projects/vivit/model_utils.py).
    """
    check_choice('pool', pool, ('gap', 'token'))
    image = read_image_vit(leaves)
    num_frames, *patch_hw = check_integers('tubelet_size', tubelet_size, 3)
    if tuple(patch_hw) != tuple(image.kernel.shape[2:]):
        raise ValueError(
            f'tubelet_size {tuple(tubelet_size)}: the image model has patches of '
            f'{tuple(image.kernel.shape[2:])}'
        )
    encoder = dict(image.encoder)
    encoder['pos_embed'] = _image_positions(
        encoder['pos_embed'],
        image.has_class_token,
        keep_class_row=pool == 'token',
        old_hw=_grid_of('pretrain_img_size', pretrain_img_size, patch_hw),
        new_hw=_grid_of('img_size', img_size, patch_hw),
    )
    state = {
        'tubelet_embedding.weight': inflate_kernel(image.kernel, num_frames, method),
        'tubelet_embedding.bias': image.bias,
        **{f'spatial_encoder.{name}': value for name, value in encoder.items()},
    }
    return _copied(state)


def _image_positions(
    pos_embed: Tensor,
    has_class_token: bool,
    *,
    keep_class_row: bool,
    old_hw: tuple[int, int] | None,
    new_hw: tuple[int, int] | None,
) -> Tensor:
    if new_hw is not None:
        pos_embed = resize_pos_embed(
            pos_embed, new_hw, old_hw=old_hw, num_prefix_tokens=int(has_class_token)
        )
    return pos_embed[:, 1:] if has_class_token and not keep_class_row else pos_embed


def _grid_of(
    name: str, img_size: int | Sequence[int] | None, patch_hw: Sequence[int]
) -> tuple[int, ...] | None:
    if img_size is None:
        return None
    return tuple(size // part for size, part in zip(check_image_size(name, img_size), patch_hw))


def _read_scenic(leaves: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors = read_leaves(leaves)
    embed_dims = size_of(tensors, 'embedding/bias', 0)
    shapes = {
        'embedding/kernel': (None, None, None, None, embed_dims),
        'embedding/bias': (embed_dims,),
    }
    for name in _ENCODERS:
        shapes.update(flax_encoder_shapes(tensors, name, embed_dims))
    if any(f'cls_{name}' in tensors for name in _ENCODERS):
        shapes.update({f'cls_{name}': (1, 1, embed_dims) for name in _ENCODERS})
    if any(name.startswith(f'{_HEAD}/') for name in tensors):
        num_classes = size_of(tensors, f'{_HEAD}/bias', 0)
        shapes[f'{_HEAD}/kernel'] = (embed_dims, num_classes)
        shapes[f'{_HEAD}/bias'] = (num_classes,)
    check_leaves(tensors, shapes)
    return tensors


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies, so that nothing is shared with the leaves."""
    return {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in state.items()
    }
