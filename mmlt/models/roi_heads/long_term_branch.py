"""Attention of the persons of a clip to those of the seconds around: the long-term branch.

Shapes: n persons in B clips; S slots of a clip's window, of which some hold a person; C channels of
a person, D of a slot, d latent ones.
"""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmlt.functional.checks import check_choice, check_integer, check_real

BLOCKS = ('non_local', 'transformer')


def masked_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Scaled dot-product attention to the slots that hold something; zeros where none does.

    Args:
        query: (B, Q, h, d) of h heads.
        key: (B, S, h, d).
        value: (B, S, h, d).
        mask: (B, S) bool, False = empty.

    Returns:
        (B, Q, h, d).
    """
    scale = query.shape[-1] ** 0.5
    if query.dtype == torch.float16:  # whose 65,504 the product could exceed
        query, scale = query / scale, 1
    weights = torch.einsum('bqhd,bshd->bhqs', query, key) / scale
    mask = mask[:, None, None]
    # not -inf: a softmax over nothing would be NaN, and its gradient too
    weights = weights.masked_fill(~mask, torch.finfo(weights.dtype).min).softmax(dim=-1)
    return torch.einsum('bhqs,bshd->bqhd', weights * mask, value)


class _Attention(nn.Module):
    """Linear maps of query, key and value around :func:`masked_attention`."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))

    def forward(self, short: Tensor, bank: Tensor, mask: Tensor) -> Tensor:
        """(B, Q, d) of persons (B, Q, d) and slots (B, S, d)."""
        parts = (self.query(short), self.key(bank), self.value(bank))
        heads = [part.unflatten(-1, (self.num_heads, -1)) for part in parts]
        return masked_attention(*heads, mask).flatten(2)


class NonLocalBlock(nn.Module):
    """The non-local block of long-term feature banks (Wu et al. 2019, section 3.3).

    Scaled; layer norm and ReLU come before the output's linear map, dropout behind it.
    """

    def __init__(self, channels: int, num_heads: int, dropout_ratio: float) -> None:
        super().__init__()
        self.attention = _Attention(channels, num_heads)
        self.norm = nn.LayerNorm(channels)
        self.out = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout_ratio)

    def forward(self, short: Tensor, bank: Tensor, mask: Tensor) -> Tensor:
        """(B, Q, d) of persons (B, Q, d) and slots (B, S, d)."""
        found = self.norm(self.attention(short, bank, mask)).relu()
        return short + self.dropout(self.out(found))


class TransformerBlock(nn.Module):
    """A decoder's layer without self-attention (Vaswani et al. 2017, section 3.1)."""

    def __init__(self, channels: int, num_heads: int, dropout_ratio: float) -> None:
        super().__init__()
        self.attention = _Attention(channels, num_heads)
        self.out = nn.Linear(channels, channels)
        self.ffn = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.ReLU(), nn.Linear(4 * channels, channels)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.dropout = nn.Dropout(dropout_ratio)

    def forward(self, short: Tensor, bank: Tensor, mask: Tensor) -> Tensor:
        """(B, Q, d) of persons (B, Q, d) and slots (B, S, d)."""
        found = self.out(self.attention(short, bank, mask))
        short = self.norms[0](short + self.dropout(found))
        return self.norms[1](short + self.dropout(self.ffn(short)))


class LongTermBranch(BaseModule):
    """What the persons of a clip find in the feature bank.

    Both inputs are reduced to d channels and dropped from; then come the blocks, each of which adds
    to the persons what they attend to in the window. A person whose window is empty gets zeros.

    Args:
        in_channels: C.
        bank_channels: D; None: C.
        latent_channels: d.
        num_blocks: Blocks, one behind the other; the report chooses two of up to three.
        block: 'non_local', the report's, or 'transformer': attention and a feed-forward network,
            which the report found not to be better.
        num_heads: Of the attention; the report's block has one.
        dropout_ratio: Of the inputs and in the blocks.
        init_cfg: See mmengine's ``BaseModule``; linear maps are initialised as by mmaction2.

    Raises:
        ValueError: An argument is out of range, or ``latent_channels`` no multiple of the heads.

    Reference:
        The three-branch report of the ActivityNet challenge 2019, section 3, "Long-Term Feature
        Operation"; Wu et al., "Long-Term Feature Banks for Detailed Video Understanding", CVPR
        2019, section 3.3.

    Differs from reference: empty slots are masked, where mmaction2's ``FBONonLocal`` attends to
    their zeros; persons of one clip share the reduced window, its dropout too.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        bank_channels: int | None = None,
        latent_channels: int = 512,
        num_blocks: int = 2,
        block: str = 'non_local',
        num_heads: int = 1,
        dropout_ratio: float = 0.2,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Kaiming', layer='Linear'))
        self.latent_channels = check_integer('latent_channels', latent_channels, 1)
        check_integer('num_blocks', num_blocks, 1)
        check_integer('num_heads', num_heads, 1)
        check_choice('block', block, BLOCKS)
        check_real('dropout_ratio', dropout_ratio, 0, 1)
        if latent_channels % num_heads:
            raise ValueError(f'latent_channels={latent_channels} is no multiple of {num_heads=}')
        self.bank_channels = in_channels if bank_channels is None else bank_channels
        self.reduce_short = nn.Linear(in_channels, latent_channels)
        self.reduce_bank = nn.Linear(self.bank_channels, latent_channels)
        self.dropout = nn.Dropout(dropout_ratio)
        kind = NonLocalBlock if block == 'non_local' else TransformerBlock
        self.blocks = nn.ModuleList(
            kind(latent_channels, num_heads, dropout_ratio) for _ in range(num_blocks)
        )

    def forward(self, features: Tensor, clip_index: Tensor, bank: Tensor, mask: Tensor) -> Tensor:
        """What each person finds.

        Args:
            features: (n, C) of the persons; n may be 0.
            clip_index: (n,) integers, the clip of each.
            bank: (B, S, D) windows.
            mask: (B, S) bool, True where a slot holds a person.

        Returns:
            (n, d); zeros for a person whose window is empty.

        Raises:
            ValueError: A bank of another width.
        """
        if bank.shape[-1] != self.bank_channels:
            raise ValueError(
                f'the bank has features of {bank.shape[-1]} channels, bank_channels of the '
                f'long-term branch is {self.bank_channels}'
            )
        place, width = _places(clip_index, len(bank))
        reduced = self.dropout(self.reduce_short(features))
        short = reduced.new_zeros(len(bank), width, self.latent_channels)
        short = short.index_put((clip_index, place), reduced)
        bank = self.dropout(self.reduce_bank(bank.to(features.dtype)))
        for block in self.blocks:
            short = block(short, bank, mask)
        found = short[clip_index, place]
        return found.masked_fill(~mask.any(dim=1)[clip_index, None], 0)


def _places(clip_index: Tensor, num_clips: int) -> tuple[Tensor, int]:
    """Of n persons the place of each among those of its clip, and how many a clip has at most."""
    order = clip_index.argsort(stable=True)
    counts = torch.bincount(clip_index, minlength=num_clips)
    starts = counts.cumsum(0) - counts
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device) - starts[clip_index[order]]
    return place, int(counts.max())
