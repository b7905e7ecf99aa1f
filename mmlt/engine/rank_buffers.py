"""Buffers of a model that differ from rank to rank, such as BatchNorm's running statistics.

A checkpoint holds rank 0's buffers. Within an epoch the other ranks' differ from them (mmengine's
SyncBuffersHook averages at the end of the epoch), so a run resumed there needs each rank's own.
"""

from __future__ import annotations

import hashlib

import torch
from mmengine.dist import all_gather_object
from mmengine.model import is_model_wrapper
from torch import nn


def gather_differing_buffers(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return this rank's copy of every saved buffer that is not the same on all ranks.

    Collective: every rank must call it. Only digests are exchanged.

    Returns:
        Name in the state dict -> CPU tensor; empty with one rank.
    """
    buffers = _saved_buffers(model)
    own = {name: _digest(buffer) for name, buffer in buffers.items()}
    everywhere = all_gather_object(own)
    return {
        name: buffers[name].detach().cpu().clone()
        for name in own
        if any(digests.get(name) != own[name] for digests in everywhere)
    }


def restore_buffers(model: nn.Module, saved: dict[str, torch.Tensor]) -> None:
    """Copy what :func:`gather_differing_buffers` returned back into the model."""
    buffers = _saved_buffers(model)
    for name, value in saved.items():
        buffers[name].copy_(value)


def _saved_buffers(model: nn.Module) -> dict[str, torch.Tensor]:
    module = model.module if is_model_wrapper(model) else model
    buffers = dict(module.named_buffers())
    return {name: buffers[name] for name in module.state_dict() if name in buffers}


def _digest(tensor: torch.Tensor) -> str:
    content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(content.numpy().tobytes()).hexdigest()
