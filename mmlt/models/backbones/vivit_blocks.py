"""The layers of ViViT's encoders.

Shapes: B clips; G groups of tokens that attend to one another (the frames of a clip in the spatial
encoder, its places in the temporal one); S tokens of a group; D features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-6  # of flax's layer norm; torch's default is 1e-5
_STD_CUT_OFF = 0.87962566103423978  # standard deviation of a standard normal cut off at -2 and 2


def drop_path(branch: Tensor, drop_prob: float, training: bool) -> Tensor:
    """Drop a residual branch for whole clips, and scale it for the others to keep its mean.

    Args:
        branch: (B, G, S, D).
        drop_prob: Probability of a clip's being dropped, with all its groups.
        training: Nothing is dropped where false.

    Reference:
        Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016. As in scenic, all frames of
        a clip share a draw and the two branches of a layer do not.

    Differs from reference:
        scenic does not scale what is kept, so that its branches are larger in testing than they are
        on average in training.
    """
    if not training or not drop_prob:
        return branch
    keep_prob = 1 - drop_prob
    kept = branch.new_empty(len(branch), 1, 1, 1).bernoulli_(keep_prob)
    return branch * (kept / keep_prob if keep_prob else kept)


class TubeletEmbedding(nn.Conv3d):
    """A token of every tubelet: the convolution whose stride is its kernel, as one linear layer.

    Args:
        in_channels: C of the clips.
        embed_dims: D.
        tubelet_size: (t, h, w) frames and pixels.
    """

    def __init__(self, in_channels: int, embed_dims: int, tubelet_size: tuple[int, ...]) -> None:
        super().__init__(in_channels, embed_dims, tubelet_size, stride=tubelet_size)

    def forward(self, clips: Tensor) -> Tensor:
        """(B, T // t, H // h, W // w, D) of (B, C, T, H, W)."""
        for dim, part in enumerate(self.kernel_size, start=2):
            clips = clips.narrow(dim, 0, clips.shape[dim] // part * part)
        for dim, part in zip((4, 3, 2), reversed(self.kernel_size)):
            clips = clips.unflatten(dim, (-1, part))  # (B, C, T // t, t, H // h, h, W // w, w)
        tubelets = clips.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)  # (..., C * t * h * w)
        return F.linear(tubelets, self.weight.flatten(1), self.bias)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Initialise as flax: normal of variance 1 / (C * t * h * w), cut off at two widths."""
        std = math.sqrt(1 / self.weight[0].numel()) / _STD_CUT_OFF
        nn.init.trunc_normal_(self.weight, std=std, a=-2 * std, b=2 * std)
        nn.init.zeros_(self.bias)


class Attention(nn.Module):
    """Multi-head self-attention among the tokens of a group."""

    def __init__(
        self, embed_dims: int, num_heads: int, dropout_rate: float, attention_dropout_rate: float
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_dropout_rate = attention_dropout_rate
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, G, S, D) of (B, G, S, D)."""
        qkv = self.qkv(tokens.flatten(0, 1))  # (B * G, S, 3 * D)
        qkv = qkv.unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)  # (B * G, heads, S, D / heads) each
        dropout_rate = self.attention_dropout_rate if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout_rate)
        attended = attended.transpose(1, 2).reshape(tokens.shape)  # (B, G, S, D)
        return self.dropout(self.proj(attended))


class Mlp(nn.Module):
    """Two linear layers with the tanh form of GELU between them, flax's default."""

    def __init__(self, embed_dims: int, mlp_dims: int, dropout_rate: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dims, mlp_dims)
        self.act = nn.GELU(approximate='tanh')
        self.fc2 = nn.Linear(mlp_dims, embed_dims)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, G, S, D) of (B, G, S, D)."""
        return self.dropout(self.fc2(self.dropout(self.act(self.fc1(tokens)))))


class EncoderBlock(nn.Module):
    """A layer of the encoder: attention, then MLP, each normalised before and added."""

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        mlp_dims: int,
        *,
        drop_path_rate: float,
        dropout_rate: float,
        attention_dropout_rate: float,
    ) -> None:
        super().__init__()
        self.drop_path_rate = drop_path_rate
        self.norm1 = nn.LayerNorm(embed_dims, eps=EPS)
        self.attn = Attention(embed_dims, num_heads, dropout_rate, attention_dropout_rate)
        self.norm2 = nn.LayerNorm(embed_dims, eps=EPS)
        self.mlp = Mlp(embed_dims, mlp_dims, dropout_rate)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, G, S, D) of (B, G, S, D)."""
        tokens = tokens + self._drop_path(self.attn(self.norm1(tokens)))
        return tokens + self._drop_path(self.mlp(self.norm2(tokens)))

    def init_weights(self) -> None:
        """Initialise as scenic: each of query, key and value by itself, as it has them apart."""
        linear = (self.attn.proj, self.mlp.fc1, self.mlp.fc2)
        for weight in (*self.attn.qkv.weight.detach().chunk(3), *(each.weight for each in linear)):
            nn.init.xavier_uniform_(weight)
        for bias in (self.attn.qkv.bias, self.attn.proj.bias):
            nn.init.zeros_(bias)
        for bias in (self.mlp.fc1.bias, self.mlp.fc2.bias):
            nn.init.normal_(bias, std=1e-6)
        for norm in (self.norm1, self.norm2):
            norm.reset_parameters()

    def _drop_path(self, branch: Tensor) -> Tensor:
        return drop_path(branch, self.drop_path_rate, self.training)
