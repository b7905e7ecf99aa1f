from __future__ import annotations

import pytest
import torch

from mmlt.functional.mixing import _reused_buffers
from mmlt.functional.mixing._reused_buffers import empty_reused

CPU = torch.device('cpu')


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(_reused_buffers, '_buffers', [])


def _take(*shape, dtype=torch.float32):
    return empty_reused(shape, dtype, CPU)


def test_memory_nobody_holds_is_used_again():
    address = _take(4, 5).data_ptr()
    assert _take(4, 5).data_ptr() == address
    smaller = _take(3, 2, dtype=torch.float64)  # as the last batch of an epoch
    assert smaller.data_ptr() == address
    assert smaller.shape == (3, 2) and smaller.dtype == torch.float64 and smaller.is_contiguous()


def test_the_old_result_lives_while_the_new_one_is_made():
    addresses = set()
    for value in range(6):
        result = _take(8).fill_(value)
        addresses.add(result.data_ptr())
        assert (result == value).all()
    assert len(addresses) == 2


@pytest.mark.parametrize(
    'hold',
    [
        lambda result: result,
        lambda result: result.view(2, 4)[1],
        lambda result: result.numpy(),
        lambda result: torch.nn.Linear(8, 1)(result),  # autograd needs it for the weight's gradient
    ],
    ids=['tensor', 'view', 'numpy', 'graph'],
)
def test_memory_that_somebody_holds_is_left_alone(hold):
    result = _take(8)
    address, held = result.data_ptr(), hold(result)
    del result
    others = [_take(8) for _ in range(4)]
    assert address not in {other.data_ptr() for other in others}
    del held, others


def test_shared_memory_is_left_alone():  # another process may read it still
    shared = _take(8).share_memory_()
    address = shared.data_ptr()
    del shared
    assert _take(8).data_ptr() != address


def test_inference_tensors_are_not_kept():
    with torch.inference_mode():
        _take(8)
    _take(8).fill_(1)
    assert len(_reused_buffers._buffers) == 1


def test_a_torch_without_use_counts_gets_fresh_memory(monkeypatch):
    monkeypatch.setattr(_reused_buffers, '_use_count', None)
    assert _take(2, 3).shape == (2, 3)
    assert not _reused_buffers._buffers


def test_an_empty_result():
    assert _take(0, 5).shape == (0, 5)
