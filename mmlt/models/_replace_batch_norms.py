"""Replacing the BatchNorms of any model by layers of another class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_NDIMS = {nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,)}


def replace_batch_norms(module: nn.Module, cls: type, arguments: Mapping[str, Any]) -> nn.Module:
    """Put a layer of ``cls`` in the place of every plain BatchNorm, under its name.

    See :meth:`mmlt.models.per_dataset_batch_norm.PerDatasetBatchNorm.convert`.

    Args:
        module: Any model, or a layer.
        cls: Subclass of torch's ``_BatchNorm`` that loads the state of a plain layer.
        arguments: Of ``cls``, beside those of a plain layer.
    """
    return _replaced(module, cls, arguments, '', {})


def _replaced(
    module: nn.Module, cls: type, arguments: Mapping[str, Any], path: str, done: dict
) -> nn.Module:
    if module not in done:  # a layer that is used in two places stays one
        if isinstance(module, _BatchNorm):
            done[module] = _replaced_layer(module, cls, arguments, path or 'the module')
            return done[module]
        done[module] = module
        for name, child in module._modules.items():
            if child is not None:
                inside = f'{path}.{name}' if path else name
                setattr(module, name, _replaced(child, cls, arguments, inside, done))
    return done[module]


def _replaced_layer(
    layer: _BatchNorm, cls: type, arguments: Mapping[str, Any], path: str
) -> nn.Module:
    if isinstance(layer, nn.SyncBatchNorm):
        raise ValueError(
            f'{path} is a SyncBatchNorm, whose statistics are over the ranks: build the model with '
            'BatchNorm, or revert it with mmengine.model.revert_sync_batchnorm'
        )
    if isinstance(layer, cls) or type(layer).forward is not _BatchNorm.forward:
        raise ValueError(f'{path} is a {type(layer).__name__}, not a plain BatchNorm')
    new = cls(
        layer.num_features,
        eps=layer.eps,
        momentum=layer.momentum,
        affine=layer.affine,
        track_running_stats=layer.track_running_stats,
        input_ndims=_NDIMS.get(type(layer), (2, 3, 4, 5)),
        **arguments,
    )
    example = layer.running_mean if layer.track_running_stats else layer.weight
    if example is not None:
        new.to(example.device, example.dtype)
    new.load_state_dict(layer.state_dict())
    for name, parameter in list(new.named_parameters()):
        plain = getattr(layer, name.partition('_')[0])
        if name in ('weight', 'bias'):
            setattr(new, name, plain)  # the same object: an optimizer may hold it already
        else:  # a dataset's own
            parameter.requires_grad_(plain.requires_grad)
    return new.train(layer.training)
