"""Weights of image ViTs, in the names of flax, timm and transformers, as :class:`ViViT`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmlt.functional import inflate_kernel, resize_pos_embed
from mmlt.functional.checks import check_choice, check_image_size, check_integers
from mmlt.models.backbones.vivit_leaves import (
    check_leaves,
    copied,
    count_blocks,
    flax_encoder_shapes,
    flax_encoder_state,
    read_leaves,
    size_of,
)


class ImageViT(NamedTuple):
    """What a video model takes over from an image model, in torch's layout."""

    kernel: Tensor  # (D, C, h, w) of the patches
    bias: Tensor  # (D,)
    has_class_token: bool  # whether the first position is a class token's
    encoder: dict[str, Tensor]  # state dict of a TransformerEncoder without its class token


class _TorchNames(NamedTuple):
    """Where code on torch keeps what :class:`TransformerEncoder` has."""

    patches: str
    class_token: str
    pos_embed: str
    norm: str
    block: str  # in front of a block's number
    layers: Mapping[str, tuple[str, ...]]  # layer here -> layers there, whose rows are joined
    ignored: tuple[str, ...]  # patterns: what belongs to the head


_LAYERS = ('norm1', 'attn.qkv', 'attn.proj', 'norm2', 'mlp.fc1', 'mlp.fc2')
_TIMM = _TorchNames(
    patches='patch_embed.proj',
    class_token='cls_token',
    pos_embed='pos_embed',
    norm='norm',
    block='blocks.',
    layers={layer: (layer,) for layer in _LAYERS},
    ignored=(r'head\..*', r'pre_logits\..*'),
)
_TRANSFORMERS = _TorchNames(
    patches='embeddings.patch_embeddings.projection',
    class_token='embeddings.cls_token',
    pos_embed='embeddings.position_embeddings',
    norm='layernorm',
    block='encoder.layer.',
    layers={
        'norm1': ('layernorm_before',),
        'attn.qkv': tuple(f'attention.attention.{part}' for part in ('query', 'key', 'value')),
        'attn.proj': ('attention.output.dense',),
        'norm2': ('layernorm_after',),
        'mlp.fc1': ('intermediate.dense',),
        'mlp.fc2': ('output.dense',),
    },
    ignored=(r'classifier\..*', r'pooler\..*'),
)
# in memory since version 5; its files keep the names above
_TRANSFORMERS_5 = _TRANSFORMERS._replace(
    block='layers.',
    layers={
        **{layer: (layer,) for layer in _LAYERS},
        'norm1': ('layernorm_before',),
        'attn.qkv': tuple(f'attention.{part}_proj' for part in 'qkv'),
        'attn.proj': ('attention.o_proj',),
        'norm2': ('layernorm_after',),
    },
)


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
    return copied(state)


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


def read_image_vit(leaves: Mapping[str, object]) -> ImageViT:
    """Weights of an image ViT, whichever of the three names they have.

    Raises:
        ValueError: They are unknown, missing or misshapen; names them.
    """
    tensors = {name.removeprefix('vit.'): value for name, value in read_leaves(leaves).items()}
    for names in (_TIMM, _TRANSFORMERS_5, _TRANSFORMERS):
        marks = (f'{names.patches}.weight', f'{names.block}0.{names.layers["norm1"][0]}.weight')
        if all(mark in tensors for mark in marks):
            return _from_torch(tensors, names)
    return _from_flax(tensors)


def _from_flax(tensors: Mapping[str, Tensor]) -> ImageViT:
    embed_dims = size_of(tensors, 'embedding/bias', 0)
    shapes = flax_encoder_shapes(tensors, 'Transformer', embed_dims)
    shapes['embedding/kernel'] = (None, None, None, embed_dims)
    shapes['embedding/bias'] = (embed_dims,)
    if 'cls' in tensors:
        shapes['cls'] = (1, 1, embed_dims)
    head = r'(?:head|output_projection|pre_logits)/(?:kernel|bias)'
    check_leaves(tensors, shapes, ignored=(head,))
    return ImageViT(
        kernel=tensors['embedding/kernel'].permute(3, 2, 0, 1),  # (h, w, C, D) -> (D, C, h, w)
        bias=tensors['embedding/bias'],
        has_class_token='cls' in tensors,
        encoder=flax_encoder_state(tensors, 'Transformer'),
    )


def _from_torch(tensors: Mapping[str, Tensor], names: _TorchNames) -> ImageViT:
    has_class_token = names.class_token in tensors
    check_leaves(tensors, _torch_shapes(tensors, names), ignored=names.ignored)
    encoder = {'pos_embed': tensors[names.pos_embed]}
    for kind in ('weight', 'bias'):
        encoder[f'norm.{kind}'] = tensors[f'{names.norm}.{kind}']
        for index in range(count_blocks(tensors, names.block)):
            for layer, theirs in names.layers.items():
                parts = [tensors[f'{names.block}{index}.{part}.{kind}'] for part in theirs]
                encoder[f'blocks.{index}.{layer}.{kind}'] = torch.cat(parts)
    kernel, bias = (tensors[f'{names.patches}.{kind}'] for kind in ('weight', 'bias'))
    return ImageViT(kernel, bias, has_class_token, encoder)


def _torch_shapes(tensors: Mapping[str, Tensor], names: _TorchNames) -> dict[str, tuple]:
    width = size_of(tensors, f'{names.patches}.bias', 0)
    mlp_dims = size_of(tensors, f'{names.block}0.{names.layers["mlp.fc1"][0]}.bias', 0)
    num_rows = {'attn.qkv': None if width is None else 3 * width, 'mlp.fc1': mlp_dims}
    shapes: dict[str, tuple] = {
        f'{names.patches}.weight': (width, None, None, None),
        f'{names.patches}.bias': (width,),
        names.pos_embed: (1, None, width),
        f'{names.norm}.weight': (width,),
        f'{names.norm}.bias': (width,),
    }
    if names.class_token in tensors:
        shapes[names.class_token] = (1, 1, width)
    for index in range(count_blocks(tensors, names.block)):
        for layer, theirs in names.layers.items():
            rows = num_rows.get(layer, width)
            rows = rows and rows // len(theirs)
            columns = mlp_dims if layer == 'mlp.fc2' else width
            for part in theirs:
                name = f'{names.block}{index}.{part}'
                shapes[f'{name}.weight'] = (rows,) if 'norm' in layer else (rows, columns)
                shapes[f'{name}.bias'] = (rows,)
    return shapes
