"""Checked weights of flax: their names, old and new, their shapes, and the encoder they make.

Shapes: D features, N heads of D / N features each, M features inside an MLP.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

_MAX_LISTED = 8
# flax before linen numbered all modules of a block in one row, linen numbers each kind for itself
_ATTENTION = r'/(?:MultiHeadDotProductAttention|MultiHeadAttention|SelfAttention)_\d+/'
_OLD_TO_NEW = {
    re.compile(_ATTENTION): '/MultiHeadDotProductAttention_0/',
    re.compile(r'/MlpBlock_\d+/'): '/MlpBlock_0/',
    re.compile(r'/LayerNorm_2/'): '/LayerNorm_1/',
    re.compile(r'^pos_embedding$'): 'Transformer/posembed_input/pos_embedding',  # of big_vision
}
Shape = tuple  # of numbers, None where any will do


def read_leaves(leaves: Mapping[str, object]) -> dict[str, Tensor]:
    """Tensors by the names that linen gives today, without a leading 'params/'.

    Raises:
        ValueError: No mapping of names to arrays, or two leaves of one name; names them.
    """
    if not isinstance(leaves, Mapping):
        raise ValueError(f'leaves must map names to arrays, got {type(leaves).__name__}')
    tensors: dict[str, Tensor] = {}
    for name, value in leaves.items():
        new_name = str(name).removeprefix('params/')
        for pattern, replacement in _OLD_TO_NEW.items():
            new_name = pattern.sub(replacement, new_name)
        if new_name in tensors:
            raise ValueError(f'leaf {name!r}: another leaf is {new_name!r} too')
        try:
            tensors[new_name] = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f'leaf {name!r} is no array: {error}') from None
    return tensors


def check_leaves(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Shape], ignored: Iterable[str] = ()
) -> None:
    """Raise ValueError, naming them, where leaves are unknown, missing or of another shape.

    Args:
        tensors: By name.
        expected: Shape of each that must be there.
        ignored: Patterns of names that may be there, of any shape.
    """
    may_be = re.compile('|'.join(ignored) or '(?!)')
    unknown = [name for name in tensors if name not in expected and not may_be.fullmatch(name)]
    missing = [name for name in expected if name not in tensors]
    misshapen = [
        f'{name} {tuple(tensors[name].shape)}, not {_shown(shape)}'
        for name, shape in expected.items()
        if name in tensors and not _fits(tensors[name].shape, shape)
    ]
    problems = {'unknown': unknown, 'missing': missing, 'misshapen': misshapen}
    listed = [f'{kind}: {_listed(names)}' for kind, names in problems.items() if names]
    if listed:
        raise ValueError(f'not the weights of such a model; {"; ".join(listed)}')


def _fits(shape: Sequence[int], expected: Shape) -> bool:
    return len(shape) == len(expected) and all(
        wanted in (None, size) for size, wanted in zip(shape, expected)
    )


def _shown(shape: Shape) -> str:
    return f'({", ".join("any" if size is None else str(size) for size in shape)})'


def _listed(names: Sequence[str]) -> str:
    more = f' and {len(names) - _MAX_LISTED} more' if len(names) > _MAX_LISTED else ''
    return ', '.join(names[:_MAX_LISTED]) + more


def count_blocks(names: Iterable[str], prefix: str) -> int:
    """One more than the highest number that follows a prefix, at least 1."""
    pattern = re.compile(re.escape(prefix) + r'(\d+)[/.]')
    found = [int(match[1]) for match in map(pattern.match, names) if match]
    return 1 + max(found, default=0)


def size_of(tensors: Mapping[str, Tensor], name: str, dim: int) -> int | None:
    """A size that other leaves must agree with; None where the leaf is missing or has no such."""
    tensor = tensors.get(name)
    return tensor.shape[dim] if tensor is not None and tensor.ndim > dim else None


def copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies, so that nothing is shared with the leaves."""
    return {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in state.items()
    }


# ------------------------------------------------------------------------------------ flax


def flax_encoder_shapes(
    tensors: Mapping[str, Tensor], scope: str, embed_dims: int | None
) -> dict[str, Shape]:
    """What an encoder under ``scope`` must have: its shapes follow from D and its first block."""
    first = f'{scope}/encoderblock_0'
    heads = f'{first}/MultiHeadDotProductAttention_0/query/bias'
    num_heads, head_dims = size_of(tensors, heads, 0), size_of(tensors, heads, 1)
    mlp_dims = size_of(tensors, f'{first}/MlpBlock_0/Dense_0/bias', 0)
    shapes: dict[str, Shape] = {
        f'{scope}/posembed_input/pos_embedding': (1, None, embed_dims),
        f'{scope}/encoder_norm/scale': (embed_dims,),
        f'{scope}/encoder_norm/bias': (embed_dims,),
    }
    for index in range(count_blocks(tensors, f'{scope}/encoderblock_')):
        block = f'{scope}/encoderblock_{index}'
        attention, mlp = f'{block}/MultiHeadDotProductAttention_0', f'{block}/MlpBlock_0'
        for norm in ('LayerNorm_0', 'LayerNorm_1'):
            for leaf in ('scale', 'bias'):
                shapes[f'{block}/{norm}/{leaf}'] = (embed_dims,)
        for part in ('query', 'key', 'value'):
            shapes[f'{attention}/{part}/kernel'] = (embed_dims, num_heads, head_dims)
            shapes[f'{attention}/{part}/bias'] = (num_heads, head_dims)
        shapes[f'{attention}/out/kernel'] = (num_heads, head_dims, embed_dims)
        shapes[f'{attention}/out/bias'] = (embed_dims,)
        shapes[f'{mlp}/Dense_0/kernel'] = (embed_dims, mlp_dims)
        shapes[f'{mlp}/Dense_0/bias'] = (mlp_dims,)
        shapes[f'{mlp}/Dense_1/kernel'] = (mlp_dims, embed_dims)
        shapes[f'{mlp}/Dense_1/bias'] = (embed_dims,)
    return shapes


def flax_encoder_state(tensors: Mapping[str, Tensor], scope: str) -> dict[str, Tensor]:
    """State dict of a :class:`TransformerEncoder` without its class token, of checked leaves."""
    state = {
        'pos_embed': tensors[f'{scope}/posembed_input/pos_embedding'],
        'norm.weight': tensors[f'{scope}/encoder_norm/scale'],
        'norm.bias': tensors[f'{scope}/encoder_norm/bias'],
    }
    for index in range(count_blocks(tensors, f'{scope}/encoderblock_')):
        block = f'{scope}/encoderblock_{index}'
        attention, mlp = f'{block}/MultiHeadDotProductAttention_0', f'{block}/MlpBlock_0'
        qkv = [f'{attention}/{part}' for part in ('query', 'key', 'value')]
        linear = {
            # (D, N, D / N) each -> (3 * D, D)
            'attn.qkv.weight': torch.cat([tensors[f'{n}/kernel'].flatten(1).T for n in qkv]),
            'attn.qkv.bias': torch.cat([tensors[f'{name}/bias'].flatten() for name in qkv]),
            # (N, D / N, D) -> (D, D)
            'attn.proj.weight': tensors[f'{attention}/out/kernel'].flatten(0, 1).T,
            'attn.proj.bias': tensors[f'{attention}/out/bias'],
        }
        for layer, dense in (('mlp.fc1', 'Dense_0'), ('mlp.fc2', 'Dense_1')):
            linear[f'{layer}.weight'] = tensors[f'{mlp}/{dense}/kernel'].T
            linear[f'{layer}.bias'] = tensors[f'{mlp}/{dense}/bias']
        for layer, norm in (('norm1', 'LayerNorm_0'), ('norm2', 'LayerNorm_1')):
            linear[f'{layer}.weight'] = tensors[f'{block}/{norm}/scale']
            linear[f'{layer}.bias'] = tensors[f'{block}/{norm}/bias']
        state.update({f'blocks.{index}.{name}': value for name, value in linear.items()})
    return state
