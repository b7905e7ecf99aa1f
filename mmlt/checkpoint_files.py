"""Reading checkpoints outside a runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmengine.runner import CheckpointLoader

from mmlt.functional.checkpoint_errors import naming_checkpoint


def read_checkpoint(path: str | Path) -> dict:
    """A checkpoint with its ``state_dict``, read as mmengine does everywhere.

    From torch 2.6 on that is weights-only loading; below, :mod:`mmlt.upstream` has warned.

    Args:
        path: A local file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No checkpoint that is safe to load, or without a state dict; names the file.
    """
    with naming_checkpoint(path):
        checkpoint = CheckpointLoader.load_checkpoint(str(path), 'cpu', logger='silent')
    if not isinstance(checkpoint, Mapping) or not isinstance(checkpoint.get('state_dict'), Mapping):
        raise ValueError(f'{path}: no state_dict in it; a checkpoint of mmengine is needed')
    return dict(checkpoint)
