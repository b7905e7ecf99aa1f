"""Reading checkpoints outside a runner."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mmlt.fileio.checkpoints import naming_checkpoint
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


def read_weights(checkpoint: str) -> OrderedDict[str, Tensor]:
    """The weights in a checkpoint, on the CPU, by their names in the bare model.

    Args:
        checkpoint: A local file, read weights-only, or an address such as ``https://...``, which
            goes to mmengine's loader. It holds a ``state_dict``, or is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No checkpoint that is safe to load, or without weights; names the file.
    """
    with naming_checkpoint(checkpoint):
        read = _read_address if '://' in checkpoint else load_weights_only
        content = read(checkpoint)
    saved = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(saved, dict) or not _are_weights(saved):
        raise ValueError(
            f'{checkpoint} is a checkpoint of another layout: it holds no weights under state_dict'
        )
    # DistributedDataParallel's prefix, where somebody has saved the wrapper
    weights = OrderedDict((name.removeprefix('module.'), value) for name, value in saved.items())
    weights._metadata = getattr(saved, '_metadata', OrderedDict())  # versions of torch's modules
    return weights


def _are_weights(saved: dict) -> bool:
    known = all(isinstance(key, str) and isinstance(saved[key], Tensor) for key in saved)
    return known and bool(saved)


def _read_address(address: str) -> object:
    from mmengine.runner import CheckpointLoader

    return CheckpointLoader.load_checkpoint(address, map_location='cpu')
