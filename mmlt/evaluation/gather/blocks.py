"""What a model gives out, as numpy arrays, in the blocks in which ranks exchange it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def to_float_array(values: Any) -> np.ndarray:
    """A tensor or array as numpy floats.

    float64 stays float64, any other type becomes float32, which holds a half exactly.
    """
    if hasattr(values, 'detach'):  # a tensor; numpy has no bfloat16, so widen it there
        values = values.detach().cpu()
        values = values if values.element_size() == 8 else values.float()
    values = np.asarray(values)
    return values.astype(np.float64 if values.dtype.itemsize == 8 else np.float32)


def merge_blocks(blocks: Sequence[Mapping], empty: Mapping) -> dict:
    """Join blocks into one, in their order: lists end to end, arrays along their first axis.

    Args:
        blocks: Each with the keys of ``empty``, of which the first is a list. Where that is empty
            the block is passed over: it does not know how many columns the arrays of others have.
        empty: What no block, or none but empty ones, gives.
    """
    first = next(iter(empty))
    blocks = [block for block in blocks if block[first]] or [empty]
    return {key: _join([block[key] for block in blocks]) for key in empty}


def _join(parts: Sequence[list] | Sequence[np.ndarray]) -> list | np.ndarray:
    if isinstance(parts[0], list):
        return [entry for part in parts for entry in part]
    return np.concatenate(parts)
