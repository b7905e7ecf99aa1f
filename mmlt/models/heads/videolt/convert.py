"""Checkpoints of VideoLT's code as checkpoints of mmlt's heads."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_PARAMETERS = ('weight', 'bias')
_BATCH_NORM = (*_PARAMETERS, 'running_mean', 'running_var', 'num_batches_tracked')
#: Layer there -> layer here, and what it holds; the first layer tells the two heads apart.
_NONLINEAR = {
    'fc1': ('fc_hidden', _PARAMETERS),
    'project': ('fc_cls', _PARAMETERS),
}
_NETVLAD = {
    'vlad.activation_fc': ('vlad.assign', ('weight',)),
    'vlad.bn1': ('vlad.bn', _BATCH_NORM),
    'hidden_fc': ('fc_hidden', ('weight',)),
    'bn1': ('bn_in', _BATCH_NORM),
    'bn2': ('bn_hidden', _BATCH_NORM),
    'pred_fc': ('fc_cls', _PARAMETERS),
}


def _key_map(layers: Mapping[str, tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    return {
        f'{theirs}.{name}': f'{ours}.{name}'
        for theirs, (ours, names) in layers.items()
        for name in names
    }


_KEY_MAPS = {
    'NonlinearHead': _key_map(_NONLINEAR),
    'NetVLADHead': {'vlad.gate_weight': 'vlad.clusters', **_key_map(_NETVLAD)},
}


def convert_videolt_checkpoint(state_dict: Mapping) -> dict[str, Tensor]:
    """State dict of ``NonlinearHead`` or ``NetVLADHead`` from one of VideoLT's code.

    Args:
        state_dict: Of ``NonlinearClassifier`` or ``NetVLADModel``, or a checkpoint that holds it
            under 'state_dict'; keys with or without the 'module.' of DataParallel. It tells by its
            keys which model it is of. A missing 'num_batches_tracked' is left missing, as torch
            loads such files.

    Returns:
        The same tensors under the names of mmlt's head.

    Raises:
        ValueError: Keys of neither model, or keys missing; lists them.

    Example:
        >>> import torch
        >>> head = {'fc1.weight': torch.ones(4, 4), 'fc1.bias': torch.ones(4),
        ...         'project.weight': torch.ones(2, 4), 'project.bias': torch.ones(2)}
        >>> sorted(convert_videolt_checkpoint(head))
        ['fc_cls.bias', 'fc_cls.weight', 'fc_hidden.bias', 'fc_hidden.weight']
    """
    state = state_dict.get('state_dict', state_dict)
    if not isinstance(state, Mapping):
        raise ValueError(f'state_dict must be a dict of tensors, got {type(state).__name__}')
    state = {str(key).removeprefix('module.'): value for key, value in state.items()}
    # The model of which the checkpoint has most keys.
    name = max(_KEY_MAPS, key=lambda head: len(_KEY_MAPS[head].keys() & state.keys()))
    key_map = _KEY_MAPS[name]
    problems = {
        'unknown': sorted(key for key in state if key not in key_map),
        'missing': sorted(
            key for key in key_map if key not in state and 'num_batches_tracked' not in key
        ),
    }
    listed = [f'{kind}: {", ".join(keys)}' for kind, keys in problems.items() if keys]
    if listed:
        raise ValueError(f'not a checkpoint of VideoLT ({name} fits best); {"; ".join(listed)}')
    return {key_map[key]: value for key, value in state.items()}
