"""Memory for large CPU results that is used again once nobody holds the result of an earlier call.

Fresh memory of tens of megabytes costs more than filling it: the system hands it out page by page,
in every iteration anew. On CUDA torch's own allocator keeps what was freed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import torch
from torch import Tensor

_NUM_KEPT = 2  # `result = f(result)`: the old result lives while the new one is made
# What torch's CUDA graph trees ask, too. Where a torch does not have it, nothing is kept.
_use_count = getattr(torch._C, '_storage_Use_Count', None)

_lock = threading.Lock()
_buffers: list[tuple[Tensor, int]] = []  # bytes, and the use count that says nobody else holds them


def empty_reused(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor as ``torch.empty`` gives, out of memory kept between calls where that is safe.

    Memory counts as free only if no tensor, view, numpy array or graph of autograd refers to it.

    Example:
        >>> first = empty_reused((2, 3), torch.float32, torch.device('cpu'))
        >>> second = empty_reused((2, 3), torch.float32, torch.device('cpu'))
        >>> first.data_ptr() == second.data_ptr()
        False
    """
    # an inference tensor must not be written to outside inference mode
    if device.type != 'cpu' or _use_count is None or torch.is_inference_mode_enabled():
        return torch.empty(shape, dtype=dtype, device=device)
    num_bytes = math.prod(shape) * dtype.itemsize
    with _lock:
        for index, (buffer, idle_count) in enumerate(_buffers):
            is_free = _count(buffer) == idle_count and not buffer.is_shared()
            if is_free and buffer.numel() >= num_bytes:
                _buffers.append(_buffers.pop(index))  # the one used last goes last
                return _part(buffer, num_bytes, dtype, shape)
        buffer = torch.empty(num_bytes, dtype=torch.uint8)
        _buffers.append((buffer, _count(buffer)))
        del _buffers[:-_NUM_KEPT]
        return _part(buffer, num_bytes, dtype, shape)


def _count(buffer: Tensor) -> int:
    return _use_count(buffer.untyped_storage()._cdata)


def _part(buffer: Tensor, num_bytes: int, dtype: torch.dtype, shape: Sequence[int]) -> Tensor:
    # detach: a version counter of its own
    return buffer[:num_bytes].detach().view(dtype).view(shape)
