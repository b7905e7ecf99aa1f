"""The transformer encoder of ViViT, used once over space and once over time.

Shapes: B clips; G groups of tokens that attend to one another (the frames of a clip in the spatial
encoder, its places in the temporal one); P class tokens (0 or 1); S tokens of a group with the P in
front; D features.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmlt.functional import resize_pos_embed, stochastic_depth_rates
from mmlt.models.backbones.vivit_blocks import EPS, EncoderBlock


class TransformerEncoder(nn.Module):
    """Class token, learned positions, layers, final norm.

    Args:
        embed_dims: D, a multiple of ``num_heads``.
        depth: Number of layers.
        num_heads: Of each layer.
        mlp_dims: Width inside the MLPs.
        grid: (h, w) tokens of a frame, or (t,) of a sequence: those that have positions of their
            own. Others are interpolated.
        saved_grid: The grid of checkpoints that will be loaded, where it is neither ``grid`` nor a
            square; see :meth:`_load_from_state_dict`.
        has_class_token: Whether a learned token is put in front of each group (P = 1).
        drop_path_rate: Of the last layer, see :func:`mmlt.functional.stochastic_depth_rates`.
        dropout_rate: After the positions, after attention and twice in the MLP.
        attention_dropout_rate: Of attention weights.
        with_cp: Whether to keep the inputs of layers only and compute the rest again in the
            backward pass (activation checkpointing).
    """

    def __init__(
        self,
        embed_dims: int,
        depth: int,
        num_heads: int,
        mlp_dims: int,
        grid: Sequence[int],
        saved_grid: Sequence[int] | None = None,
        *,
        has_class_token: bool,
        drop_path_rate: float = 0.0,
        dropout_rate: float = 0.0,
        attention_dropout_rate: float = 0.0,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.grid, self.saved_grid = tuple(grid), saved_grid
        self.num_class_tokens = int(has_class_token)
        self.with_cp = with_cp
        class_token = nn.Parameter(torch.zeros(1, 1, embed_dims)) if has_class_token else None
        self.register_parameter('class_token', class_token)
        num_rows = self.num_class_tokens + math.prod(self.grid)
        self.pos_embed = nn.Parameter(torch.zeros(1, num_rows, embed_dims))
        self.dropout = nn.Dropout(dropout_rate)
        rates = dict(dropout_rate=dropout_rate, attention_dropout_rate=attention_dropout_rate)
        self.blocks = nn.ModuleList(
            EncoderBlock(embed_dims, num_heads, mlp_dims, drop_path_rate=rate, **rates)
            for rate in stochastic_depth_rates(drop_path_rate, depth)
        )
        self.norm = nn.LayerNorm(embed_dims, eps=EPS)

    def forward(self, tokens: Tensor, grid: Sequence[int]) -> Tensor:
        """Encode the tokens of each group.

        Args:
            tokens: (B, G, S - P, D), those of a frame row by row.
            grid: (h, w) or (t,), of S - P tokens.

        Returns:
            (B, G, S, D), the class token in front.
        """
        if self.class_token is not None:
            class_token = self.class_token.expand(*tokens.shape[:2], 1, -1)
            tokens = torch.cat([class_token, tokens], dim=2)  # (B, G, S, D)
        tokens = self.dropout(tokens + self._positions(grid))
        for block in self.blocks:
            if self.with_cp and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        return self.norm(tokens)

    def _positions(self, grid: Sequence[int]) -> Tensor:
        return _resized(self.pos_embed, self.grid, grid, self.num_class_tokens)  # (1, S, D)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Initialise as scenic."""
        nn.init.normal_(self.pos_embed, std=0.02)
        if self.class_token is not None:
            nn.init.zeros_(self.class_token)
        for block in self.blocks:
            block.init_weights()
        self.norm.reset_parameters()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Fit positions of another grid, or with another number of class tokens, on loading.

        Of saved positions nothing but their number is known: they are taken for those of
        ``saved_grid`` where it is given, else of the encoder's own grid, else of a square.
        """
        token_key, pos_key = prefix + 'class_token', prefix + 'pos_embed'
        saved, own = state_dict.get(pos_key), self.pos_embed
        is_comparable = saved is not None and saved.ndim == 3 and saved.shape[2] == own.shape[2]
        if is_comparable:
            state_dict[pos_key] = self._fit_positions(saved, token_key in state_dict, pos_key)
            if self.class_token is None:
                state_dict.pop(token_key, None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def _fit_positions(self, saved: Tensor, has_class_token: bool, name: str) -> Tensor:
        num_prefix, grid = self._saved_layout(saved.shape[1], has_class_token, name)
        if (num_prefix, grid) == (self.num_class_tokens, self.grid):
            return saved
        rows = _resized(saved, grid, self.grid, num_prefix)[:, num_prefix:]
        if self.num_class_tokens:  # the saved row if there is one, else what stands here
            source = saved if num_prefix else self.pos_embed.to(saved)
            rows = torch.cat([source[:, :1], rows], dim=1)
        print_log(
            f'{name}: positions of {_shown(grid)} tokens with {num_prefix} class tokens fitted to '
            f'{_shown(self.grid)} with {self.num_class_tokens}',
            logger='current',
            level=logging.INFO,
        )
        return rows

    def _saved_layout(
        self, num_rows: int, has_class_token: bool, name: str
    ) -> tuple[int, tuple[int, ...]]:
        """How many of the saved rows are a class token's, and the grid of the others."""
        if len(self.grid) == 1:
            return int(has_class_token), (num_rows - int(has_class_token),)
        # image models keep the row of a class token and leave the token itself behind
        prefixes = (1,) if has_class_token else (self.num_class_tokens, 1 - self.num_class_tokens)
        for num_prefix in prefixes:
            num_places = num_rows - num_prefix
            square = (math.isqrt(num_places),) * 2
            for grid in [tuple(self.saved_grid)] if self.saved_grid else [self.grid, square]:
                if num_places and math.prod(grid) == num_places:
                    return num_prefix, grid
        raise ValueError(
            f'{name}: {num_rows} saved positions are neither {_shown(self.grid)} nor a square; '
            f'pretrain_img_size says of which picture they are'
        )


def _resized(
    pos_embed: Tensor, old_grid: Sequence[int], new_grid: Sequence[int], num_prefix_tokens: int
) -> Tensor:
    """Positions of a frame or, as one of height 1, of a sequence."""
    old_hw, new_hw = ((1, *grid)[-2:] for grid in (old_grid, new_grid))
    return resize_pos_embed(pos_embed, new_hw, old_hw=old_hw, num_prefix_tokens=num_prefix_tokens)


def _shown(grid: Sequence[int]) -> str:
    return ' x '.join(map(str, grid))
