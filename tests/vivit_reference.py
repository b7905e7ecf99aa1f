"""scenic's factorised encoder written from its definition, in float64, module by module.

The recorded arrays fix it; it then stands for scenic where none are recorded: frames that are not
square, other tubelets, heads that differ, one layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parent / 'data'


def random_leaves(
    embed_dims, num_layers, num_heads, mlp_dims, tubelet_size, grid, *, with_class_token, seed=0
):
    """Leaves with linen's names, none of them zero or one."""
    rng = np.random.default_rng(seed)

    def leaf(*shape, around=0.0):
        return (around + rng.normal(0, 0.3, shape)).astype(np.float32)

    prefix_rows = int(with_class_token)
    leaves = {
        'embedding/kernel': leaf(*tubelet_size, 3, embed_dims),
        'embedding/bias': leaf(embed_dims),
        'output_projection/kernel': leaf(embed_dims, 5),
        'output_projection/bias': leaf(5),
    }
    rows = {'SpatialTransformer': grid[1] * grid[2], 'TemporalTransformer': grid[0]}
    for which, (scope, num_rows) in enumerate(rows.items()):
        if with_class_token:
            leaves[f'cls_{scope}'] = leaf(1, 1, embed_dims)
        leaves[f'{scope}/posembed_input/pos_embedding'] = leaf(
            1, prefix_rows + num_rows, embed_dims
        )
        norms = [f'{scope}/encoder_norm']
        heads, width = num_heads[which], mlp_dims[which]
        for index in range(num_layers[which]):
            block = f'{scope}/encoderblock_{index}'
            norms += [f'{block}/LayerNorm_0', f'{block}/LayerNorm_1']
            attention = f'{block}/MultiHeadDotProductAttention_0'
            for part in ('query', 'key', 'value'):
                leaves[f'{attention}/{part}/kernel'] = leaf(embed_dims, heads, embed_dims // heads)
                leaves[f'{attention}/{part}/bias'] = leaf(heads, embed_dims // heads)
            leaves[f'{attention}/out/kernel'] = leaf(heads, embed_dims // heads, embed_dims)
            leaves[f'{attention}/out/bias'] = leaf(embed_dims)
            leaves[f'{block}/MlpBlock_0/Dense_0/kernel'] = leaf(embed_dims, width)
            leaves[f'{block}/MlpBlock_0/Dense_0/bias'] = leaf(width)
            leaves[f'{block}/MlpBlock_0/Dense_1/kernel'] = leaf(width, embed_dims)
            leaves[f'{block}/MlpBlock_0/Dense_1/bias'] = leaf(embed_dims)
        for norm in norms:
            leaves[f'{norm}/scale'] = leaf(embed_dims, around=1.0)
            leaves[f'{norm}/bias'] = leaf(embed_dims)
    return leaves


class Scenic:
    """The model of some leaves; clips are (B, T, H, W, C) as there."""

    def __init__(self, leaves):
        self.leaves = {
            name.removeprefix('params/'): np.asarray(value, np.float64)
            for name, value in leaves.items()
        }

    def tokens(self, clips):
        """(B, t, h, w, D): each tubelet against the kernel."""
        kernel = self.leaves['embedding/kernel']
        batch, grid = len(clips), [n // k for n, k in zip(clips.shape[1:4], kernel.shape)]
        result = np.empty((batch, *grid, kernel.shape[4]))
        for place in np.ndindex(*grid):
            ends = [slice(i * k, (i + 1) * k) for i, k in zip(place, kernel.shape)]
            tubelet = clips[(slice(None), *ends)].astype(np.float64)
            result[(slice(None), *place)] = np.einsum('bthwc,thwcd->bd', tubelet, kernel)
        return result + self.leaves['embedding/bias']

    def encode(self, tokens, scope):
        """(B, P + N, D) of (B, N, D)."""
        if f'cls_{scope}' in self.leaves:
            class_token = np.tile(self.leaves[f'cls_{scope}'], (len(tokens), 1, 1))
            tokens = np.concatenate([class_token, tokens], axis=1)
        tokens = tokens + self.leaves[f'{scope}/posembed_input/pos_embedding']
        index = 0
        while f'{scope}/encoderblock_{index}/LayerNorm_0/scale' in self.leaves:
            block = f'{scope}/encoderblock_{index}'
            tokens = tokens + self._attention(self._norm(tokens, f'{block}/LayerNorm_0'), block)
            tokens = tokens + self._mlp(self._norm(tokens, f'{block}/LayerNorm_1'), block)
            index += 1
        return self._norm(tokens, f'{scope}/encoder_norm')

    def clip_feature(self, clips):
        """(B, D) before the classifier."""
        tokens = self.tokens(clips)
        frames = tokens.reshape(*tokens.shape[:2], -1, tokens.shape[-1])
        pooled = [
            self._pool(self.encode(frames[:, i], 'SpatialTransformer'))
            for i in range(tokens.shape[1])
        ]
        return self._pool(self.encode(np.stack(pooled, 1), 'TemporalTransformer'))

    def logits(self, clips):
        kernel, bias = (self.leaves[f'output_projection/{name}'] for name in ('kernel', 'bias'))
        return self.clip_feature(clips) @ kernel + bias

    def kept_tokens(self, clips):
        """(B, t, h, w, D): the temporal encoder at every place; class tokens left out."""
        tokens = self.tokens(clips)
        batch, t, h, w, width = tokens.shape
        start = self._num_class_tokens
        spatial = np.stack(
            [
                self.encode(tokens[:, i].reshape(batch, h * w, width), 'SpatialTransformer')
                for i in range(t)
            ],
            axis=1,
        )[:, :, start:]
        places = [
            self.encode(spatial[:, :, i], 'TemporalTransformer')[:, start:] for i in range(h * w)
        ]
        return np.stack(places, 2).reshape(batch, t, h, w, width)

    @property
    def _num_class_tokens(self):
        return int('cls_SpatialTransformer' in self.leaves)

    def _pool(self, encoded):
        return encoded[:, 0] if self._num_class_tokens else encoded.mean(1)

    def _norm(self, x, name):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        normed = (x - mean) / np.sqrt(variance + 1e-6)
        return normed * self.leaves[f'{name}/scale'] + self.leaves[f'{name}/bias']

    def _attention(self, x, block):
        name = f'{block}/MultiHeadDotProductAttention_0'
        query, key, value = (
            np.einsum('bnd,dhe->bnhe', x, self.leaves[f'{name}/{part}/kernel'])
            + self.leaves[f'{name}/{part}/bias']
            for part in ('query', 'key', 'value')
        )
        weights = np.einsum('bqhe,bkhe->bhqk', query, key) / np.sqrt(query.shape[-1])
        weights = np.exp(weights - weights.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum('bhqk,bkhe->bqhe', weights, value)
        out = np.einsum('bqhe,hed->bqd', mixed, self.leaves[f'{name}/out/kernel'])
        return out + self.leaves[f'{name}/out/bias']

    def _mlp(self, x, block):
        first, second = (
            (self.leaves[f'{block}/MlpBlock_0/{d}/kernel'],
             self.leaves[f'{block}/MlpBlock_0/{d}/bias'])
            for d in ('Dense_0', 'Dense_1')
        )  # fmt: skip
        hidden = x @ first[0] + first[1]
        inner = np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)
        return (0.5 * hidden * (1 + np.tanh(inner))) @ second[0] + second[1]


def recorded(name):
    """Arrays that scenic's own code gave, and its leaves (4a38d475, float32 on a CPU)."""
    arrays = dict(np.load(DATA / f'vivit_{name}.npz'))
    leaves = {key: value for key, value in arrays.items() if key.startswith('params/')}
    return arrays, leaves


def recorded_image(case):
    """An image model, the ViViT that scenic made of it, and the leaves that it left alone."""
    arrays, _ = recorded(f'init_token_{case}')
    source, after = (
        {key.removeprefix(part): value for key, value in arrays.items() if key.startswith(part)}
        for part in ('src/', 'out/')
    )
    not_loaded = set(arrays['not_loaded'])
    return source, after, not_loaded


def max_difference(found, expected):
    """The largest of two arrays or tensors of one shape."""
    found, expected = (np.asarray(getattr(x, 'detach', lambda x=x: x)()) for x in (found, expected))
    assert found.shape == expected.shape
    return np.abs(found - expected).max()


def to_ncthw(clips):
    """scenic's (B, T, H, W, C) as a tensor (B, C, T, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(clips)).permute(0, 4, 1, 2, 3)
