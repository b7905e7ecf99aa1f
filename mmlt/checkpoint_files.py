"""Reading checkpoints outside a runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmlt.functional.checkpoint_errors import naming_checkpoint
from mmlt.weights_only import load_weights_only


def read_checkpoint(path: str | Path) -> dict:
    """A checkpoint with its ``state_dict``, read weights-only.

    Args:
        path: A local file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No checkpoint that is safe to load, or without a state dict; names the file.
    """
    with naming_checkpoint(path):
        checkpoint = load_weights_only(path)
    if not isinstance(checkpoint, Mapping) or not isinstance(checkpoint.get('state_dict'), Mapping):
        raise ValueError(f'{path}: no state_dict in it; a checkpoint of mmengine is needed')
    return dict(checkpoint)
