"""What a model gives out, as numpy arrays."""

from __future__ import annotations

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
