"""ViViT, the factorised encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor

from mmlt.functional.checks import check_choice, check_image_size, check_integer, check_integers
from mmlt.models.backbones.vivit_blocks import TubeletEmbedding
from mmlt.models.backbones.vivit_convert import (
    convert_scenic_checkpoint,
    convert_scenic_head,
    convert_vivit_or_image_vit,
    vivit_sizes,
)
from mmlt.models.backbones.vivit_encoder import TransformerEncoder
from mmlt.models.backbones.vivit_image import convert_image_vit
from mmlt.registry import MODELS

__all__ = [
    'ARCHITECTURES',
    'ViViT',
    'convert_image_vit',
    'convert_scenic_checkpoint',
    'convert_scenic_head',
    'convert_vivit_or_image_vit',
    'vivit_sizes',
]

#: Sizes of scenic's public configs; pairs are (spatial, temporal).
ARCHITECTURES = {
    'base': dict(embed_dims=768, num_layers=(12, 4), num_heads=(12, 12), mlp_dims=(3072, 3072)),
    'large': dict(embed_dims=1024, num_layers=(24, 24), num_heads=(16, 16), mlp_dims=(4096, 4096)),
}


@MODELS.register_module()
class ViViT(BaseModule):
    """ViViT with the factorised encoder ("model 2"): attention in each frame, then over time.

    The video is cut into tubelets, each a token. The spatial encoder runs on the tokens of one
    frame of tubelets at a time. Then either every frame becomes one token, the temporal encoder
    runs over these, and the clip is one feature; or (``keep_tokens``) the temporal encoder runs
    over time at every place, and the tokens keep their places, as RoIAlign wants them.

    Any size of clip is taken: learned positions are interpolated where its grid of tokens is
    another than the configured one, bilinearly over space and linearly over time. So they are when
    a checkpoint of another size is loaded, which is logged; there class tokens that only one side
    has are left out or stay as initialised. What remains of a clip after the last whole tubelet,
    right, below or at the end, is left out.

    Shapes: B clips, C channels, T x H x W their frames and pixels; t x h x w the grid of tokens;
    P class tokens (1 with ``pool='token'``, else 0); D features.

    Args:
        arch: 'base' or 'large', the sizes where the next four are not given (:data:`ARCHITECTURES`;
            a text config cannot call a function that builds one). scenic's public large models have
            24 temporal layers; those of the ViViT paper's ablations 4: ``num_layers=(24, 4)``.
        embed_dims: D.
        num_layers: (spatial, temporal), as all other pairs.
        num_heads: Of attention.
        mlp_dims: Width inside the MLPs.
        num_frames: T, of the learned positions.
        img_size: (H, W), of the learned positions; a number stands for a square.
        tubelet_size: (t, h, w) frames and pixels that make a token.
        in_channels: C.
        pool: 'gap' (mean of the tokens) or 'token' (a class token in each encoder).
        keep_tokens: Whether to return the tokens at their places. With ``pool='token'`` class
            tokens take part in attention and are left out of the result.
        drop_path_rate: Of the last layer of each encoder (stochastic depth, linear from 0).
        dropout_rate: After positions, after attention and in the MLPs.
        attention_dropout_rate: Of attention weights.
        with_cp: Whether to trade time for memory by activation checkpointing: each layer is
            computed again in the backward pass.
        pretrain_img_size: (H, W) of the checkpoints that will be loaded, needed where their grid is
            neither a square nor that of ``img_size``.
        init_cfg: As mmengine has it: ``dict(type='Pretrained', checkpoint=...)``. What the
            checkpoint lacks, as that of an image model does, stays as initialised.

    Returns:
        (B, D), or with ``keep_tokens`` (B, D, t, h, w).

    Reference:
        Arnab et al., "ViViT: A Video Vision Transformer", ICCV 2021, sections 3.2 (tubelets) and
        3.3 (model 2); Arnab et al., "Beyond Transfer Learning: Co-finetuning for Action
        Localisation", 2022, sections 3.1 and 4.1; ``SpaceTimeViViT`` in scenic, of which it has the
        results: layer norm with eps 1e-6, GELU in its tanh form, initialisation.

    Differs from reference:
        Stochastic depth keeps the mean (see :func:`mmlt.models.backbones.vivit_blocks.drop_path`),
        dropout masks are drawn for every frame (scenic draws one for all frames of a clip), and
        positions are those of any grid.
    """

    def __init__(
        self,
        arch: str = 'base',
        *,
        embed_dims: int | None = None,
        num_layers: Sequence[int] | None = None,
        num_heads: Sequence[int] | None = None,
        mlp_dims: Sequence[int] | None = None,
        num_frames: int = 32,
        img_size: int | Sequence[int] = 224,
        tubelet_size: Sequence[int] = (2, 16, 16),
        in_channels: int = 3,
        pool: str = 'gap',
        keep_tokens: bool = False,
        drop_path_rate: float = 0.0,
        dropout_rate: float = 0.0,
        attention_dropout_rate: float = 0.0,
        with_cp: bool = False,
        pretrain_img_size: int | Sequence[int] | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        sizes = dict(num_layers=num_layers, num_heads=num_heads, mlp_dims=mlp_dims)
        width, (spatial, temporal) = _check_sizes(arch, embed_dims=embed_dims, **sizes)
        check_choice('pool', pool, ('gap', 'token'))
        self.embed_dims, self.pool, self.keep_tokens = width, pool, keep_tokens
        self.tubelet_size = tubelet = check_integers('tubelet_size', tubelet_size, 3)
        options = dict(
            has_class_token=pool == 'token',
            drop_path_rate=drop_path_rate,
            dropout_rate=dropout_rate,
            attention_dropout_rate=attention_dropout_rate,
            with_cp=with_cp,
        )
        num_frames = check_integer('num_frames', num_frames, 1)
        t = _num_tubelets((num_frames,), tubelet, 'num_frames')
        hw = self._grid('img_size', img_size)
        saved_hw = self._grid('pretrain_img_size', pretrain_img_size)
        self.tubelet_embedding = TubeletEmbedding(in_channels, width, tubelet)
        self.spatial_encoder = TransformerEncoder(width, *spatial, hw, saved_hw, **options)
        self.temporal_encoder = TransformerEncoder(width, *temporal, t, **options)

    def _grid(self, name: str, img_size: int | Sequence[int] | None) -> tuple[int, ...] | None:
        """(h, w) whole tubelets of a frame; None of no frame."""
        if img_size is None:
            return None
        return _num_tubelets(check_image_size(name, img_size), self.tubelet_size[1:], name)

    def forward(self, clips: Tensor) -> Tensor:
        """Features of clips (B, C, T, H, W)."""
        if clips.ndim != 5:
            raise ValueError(f'clips must be (B, C, T, H, W), got shape {tuple(clips.shape)}')
        t, h, w = _num_tubelets(clips.shape[2:], self.tubelet_size, 'clips')
        tokens = self.tubelet_embedding(clips)  # (B, t, h, w, D)
        frames = self.spatial_encoder(tokens.flatten(2, 3), (h, w))  # (B, t, P + h * w, D)
        if self.keep_tokens:
            places = self._without_class_token(frames).transpose(1, 2)  # (B, h * w, t, D)
            places = self.temporal_encoder(places, (t,))  # (B, h * w, P + t, D)
            places = self._without_class_token(places)  # (B, h * w, t, D)
            return places.permute(0, 3, 2, 1).unflatten(3, (h, w))  # (B, D, t, h, w)
        clip = self._pooled(frames)[:, None]  # (B, 1, t, D)
        clip = self.temporal_encoder(clip, (t,))  # (B, 1, P + t, D)
        return self._pooled(clip)[:, 0]  # (B, D)

    def _pooled(self, encoded: Tensor) -> Tensor:
        """(B, G, D) of (B, G, S, D)."""
        return encoded[:, :, 0] if self.pool == 'token' else encoded.mean(2)

    def _without_class_token(self, encoded: Tensor) -> Tensor:
        return encoded[:, :, 1:] if self.pool == 'token' else encoded


def _check_sizes(arch: str, **given: Any) -> tuple[int, list[tuple[int, int, int]]]:
    """D, and (depth, heads, MLP width) of each encoder."""
    check_choice('arch', arch, tuple(ARCHITECTURES))
    sizes = {name: ARCHITECTURES[arch][name] if v is None else v for name, v in given.items()}
    embed_dims = check_integer('embed_dims', sizes.pop('embed_dims'), 1)
    pairs = {name: check_integers(name, value, 2) for name, value in sizes.items()}
    for num_heads in pairs['num_heads']:
        if embed_dims % num_heads:
            raise ValueError(f'embed_dims {embed_dims} is no multiple of num_heads {num_heads}')
    return embed_dims, list(zip(*pairs.values()))


def _num_tubelets(sizes: Sequence[int], tubelet_size: Sequence[int], name: str) -> tuple[int, ...]:
    """How many whole tubelets lie along each dimension."""
    counts = tuple(whole // part for whole, part in zip(sizes, tubelet_size))
    if not all(counts):
        shown = [' x '.join(map(str, each)) for each in (sizes, tubelet_size)]
        raise ValueError(f'{name}: {shown[0]} holds no whole tubelet of {shown[1]}')
    return counts
