"""Image ViTs as published: in the names of flax, timm and transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mmlt.models.backbones.vivit_leaves import (
    check_leaves,
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
