from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlt.evaluation.gather.blocks import to_float_array


@pytest.mark.parametrize(
    ('values', 'dtype'),
    [
        (torch.tensor([0.5, 1.0]), np.float32),
        (torch.tensor([0.5, 1.0], requires_grad=True), np.float32),
        (torch.tensor([0.5, 1.0], dtype=torch.bfloat16), np.float32),
        (torch.tensor([0.5, 1.0], dtype=torch.float64), np.float64),
        (np.array([0.5, 1.0], dtype=np.float16), np.float32),
        ([0.5, 1.0], np.float64),
    ],
)
def test_width_is_kept_and_halves_are_widened(values, dtype):
    array = to_float_array(values)
    assert array.dtype == dtype
    assert array.tolist() == [0.5, 1.0]
