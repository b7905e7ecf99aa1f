"""A co-finetuned model as mmaction2's own, with one of its heads: FastRCNN or Recognizer3D."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config, ConfigDict
from torch import Tensor, nn

from mmlt.models.per_dataset_batch_norm import PerDatasetBatchNorm
from mmlt.registry import MODELS

# what a test needs beside model and data; the rest of a config is about the training
_KEPT = (
    'default_scope',
    'custom_imports',
    'default_hooks',
    'env_cfg',
    'randomness',
    'log_processor',
    'log_level',
    'vis_backends',
    'visualizer',
)
_NAMING = 'mmlt.SetDatasetName'
_MAX_NAMED = 5  # keys in an error


def choose_dataset(model: Mapping[str, Any], head: str, dataset: str | None = None) -> str:
    """The dataset whose data and statistics go with a head.

    Args:
        model: Config of a ``mmlt.CoFinetuneModel``.
        head: Name of the head.
        dataset: A dataset of the head; needed where it has several.

    Raises:
        ValueError: No such model or head, or a dataset that does not use it.
    """
    heads = model.get('heads')
    if not heads:
        raise ValueError(f'model {model.get("type")} has no heads: it is no mmlt.CoFinetuneModel')
    if head not in heads:
        raise ValueError(f'the model has no head {head!r}, only {", ".join(heads)}')
    of_dataset = model.get('dataset_heads') or {name: name for name in heads}
    names = [name for name, used in of_dataset.items() if used == head]
    if dataset is None and len(names) > 1:
        raise ValueError(f'head {head} is of several datasets, choose one: {", ".join(names)}')
    if dataset is not None and dataset not in names:
        raise ValueError(f'dataset {dataset!r} does not use head {head}; {", ".join(names)} does')
    return dataset or names[0]


def convert_cofinetune_config(config: Config, head: str, dataset: str | None = None) -> Config:
    """A config that tests one head of a co-finetuned model as a plain model of mmaction2.

    Args:
        config: Of the co-finetuning, in mmengine's keys (see
            :func:`mmlt.engine.runner.expand_datasets.expand_datasets`).
        head: Name of the head.
        dataset: See :func:`choose_dataset`.

    Returns:
        The model, and of that dataset what the config has for validation and test.

    Raises:
        ValueError: See :func:`choose_dataset`.
    """
    name = choose_dataset(config['model'], head, dataset)
    scope = config.get('default_scope') or 'mmaction'
    plain = {key: config[key] for key in _KEPT if key in config}
    plain['model'] = _plain_model(config['model'], head, scope)
    for part in ('val', 'test'):
        loader = (config.get(f'{part}_dataloader') or {}).get(name)
        if not loader:
            continue
        evaluator = config[f'{part}_evaluator']
        evaluator = evaluator[0] if isinstance(evaluator, (list, tuple)) else evaluator
        loop = {key: value for key, value in config[f'{part}_cfg'].items() if key != 'type'}
        plain[f'{part}_dataloader'] = {**loader, 'dataset': _unnamed(loader['dataset'])}
        plain[f'{part}_evaluator'] = evaluator[name]
        plain[f'{part}_cfg'] = {**loop, 'type': f'{part.capitalize()}Loop'}
    return Config(copy.deepcopy(plain))


def convert_cofinetune_state(
    state_dict: Mapping[str, Tensor],
    model: Mapping[str, Any],
    head: str,
    dataset: str | None = None,
) -> dict[str, Tensor]:
    """State dict of the plain model: the backbone, and the head under the name it has there.

    Of a :class:`mmlt.models.per_dataset_batch_norm.PerDatasetBatchNorm` the dataset's statistics
    become those of a plain layer.

    Args:
        state_dict: Of a ``mmlt.CoFinetuneModel``.
        model: Its config.
        head: Name of the head.
        dataset: See :func:`choose_dataset`.

    Raises:
        ValueError: See :func:`choose_dataset`; or no keys of the backbone or of the head.
    """
    name = choose_dataset(model, head, dataset)
    new_head = 'roi_head.' if 'bbox_head' in model['heads'][head] else 'cls_head.'
    plain: dict[str, Tensor] = {}
    for old, new in (('backbone.', 'backbone.'), (f'heads.{head}.', new_head)):
        keys = [key for key in state_dict if key.startswith(old)]
        if not keys:
            raise ValueError(f'no {old}* in the state dict: it is not of this model')
        plain.update({new + key[len(old) :]: state_dict[key] for key in keys})
    if any(key.endswith('.running_mean') and value.ndim == 2 for key, value in plain.items()):
        return PerDatasetBatchNorm.plain_state(plain, name, _norm_datasets(MODELS.build(model)))
    return plain


def check_state(state_dict: Mapping[str, Tensor], model: Mapping[str, Any]) -> None:
    """Raise where a state dict does not fit the model of a config, key by key.

    Raises:
        ValueError: Keys missing, unknown or of another shape; lists some.
    """
    expected = {key: value.shape for key, value in MODELS.build(model).state_dict().items()}
    given = {key: value.shape for key, value in state_dict.items()}
    problems = {
        'missing': [key for key in expected if key not in given],
        'unknown': [key for key in given if key not in expected],
        'of another shape': [k for k in expected if k in given and given[k] != expected[k]],
    }
    listed = [f'{", ".join(keys[:_MAX_NAMED])} {what}' for what, keys in problems.items() if keys]
    if listed:
        raise ValueError(f'the weights do not fit the config: {"; ".join(listed)}')


def _plain_model(model: Mapping[str, Any], head: str, scope: str) -> dict[str, Any]:
    config = copy.deepcopy(model['heads'][head])
    backbone = _with_plain_norms(model['backbone'])
    plain = {'backbone': backbone}
    if model.get('data_preprocessor'):
        plain['data_preprocessor'] = model['data_preprocessor']
    if 'bbox_head' not in config:
        return {'type': 'Recognizer3D', **plain, 'cls_head': config}
    # mmaction2's AVA detectors are built in mmdet's scope, where its own types need their scope
    plain = {key: _scoped(value, scope) for key, value in plain.items()}
    rcnn = {f'{part}_cfg': config.pop(f'{part}_cfg', None) for part in ('train', 'test')}
    train_cfg = None if rcnn['train_cfg'] is None else {'rcnn': rcnn['train_cfg']}
    test_cfg = {'rcnn': rcnn['test_cfg']}
    return {
        'type': 'FastRCNN',
        '_scope_': 'mmdet',
        **plain,
        'roi_head': config,
        'train_cfg': train_cfg,
        'test_cfg': test_cfg,
    }


def _scoped(config: Mapping[str, Any], scope: str) -> dict[str, Any]:
    name = config['type']
    is_bare = isinstance(name, str) and '.' not in name and '_scope_' not in config
    return {**config, 'type': f'{scope}.{name}'} if is_bare else dict(config)


def _with_plain_norms(config: Any) -> Any:
    """A config without ``mmlt.PerDatasetBatchNorm``."""
    if isinstance(config, Mapping):
        if str(config.get('type')).endswith('PerDatasetBatchNorm'):
            own = ('type', 'dataset_names', 'own_affine', 'input_ndims')
            rest = {key: value for key, value in config.items() if key not in own}
            return {'type': 'BN3d', **rest}
        return ConfigDict({key: _with_plain_norms(value) for key, value in config.items()})
    if isinstance(config, (list, tuple)):
        return type(config)(_with_plain_norms(each) for each in config)
    return config


def _unnamed(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset's config without the naming of its samples."""
    dataset = dict(dataset)
    if 'dataset' in dataset:
        dataset['dataset'] = _unnamed(dataset['dataset'])
    elif 'datasets' in dataset:
        dataset['datasets'] = [_unnamed(each) for each in dataset['datasets']]
    else:
        steps = dataset.get('pipeline') or []
        dataset['pipeline'] = [step for step in steps if step.get('type') != _NAMING]
    return dataset


def _norm_datasets(model: nn.Module) -> tuple[str, ...]:
    layers = [each for each in model.modules() if isinstance(each, PerDatasetBatchNorm)]
    if not layers:
        raise ValueError(
            'the weights have batch norm statistics a dataset, the model of the config has not'
        )
    return layers[0].dataset_names
