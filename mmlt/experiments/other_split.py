"""Testing on another split than the config's test split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SPLITS = ('train', 'val', 'test')
_DATASET_KEYS = ('ann_file', 'exclude_file', 'proposal_file', 'data_prefix', 'feature_dir')
_EVALUATOR_KEYS = ('ann_file', 'exclude_file')


def test_overrides(config: Mapping[str, Any], split: str) -> dict[str, Any]:
    """What makes the test of a config run on the data of its ``split``.

    The test's pipeline, label map and metric stay. Only the files of the data are exchanged: those
    of the split's dataset, and with them the ground truth of the evaluator.

    Args:
        config: A config of mmengine with ``test_dataloader``, ``test_evaluator`` and the split's
            dataloader.
        split: 'train', 'val' or 'test'.

    Returns:
        Dotted key -> value, as ``--cfg-options`` takes them; empty for 'test'.

    Raises:
        ValueError: No such split, the config lacks its dataloader or its ground truth, or has more
            than one evaluator.
    """
    if split not in SPLITS:
        raise ValueError(f'split must be one of {", ".join(SPLITS)}, got {split!r}')
    if split == 'test':
        return {}
    for key in (f'{split}_dataloader', 'test_dataloader', 'test_evaluator'):
        if not config.get(key):
            raise ValueError(f'the config has no {key}, which a test on {split} needs')
    evaluator = config['test_evaluator']
    if not isinstance(evaluator, Mapping):
        raise ValueError(f'test_evaluator is a {type(evaluator).__name__}; only one is supported')
    source = config[f'{split}_dataloader']['dataset']
    target = config['test_dataloader']['dataset']
    overrides = {}
    for key in _DATASET_KEYS:
        if source.get(key) != target.get(key):
            value = source.get(key)
            parts = value.items() if isinstance(value, Mapping) else [(None, value)]
            for part, of_part in parts:
                name = key if part is None else f'{key}.{part}'
                overrides[f'test_dataloader.dataset.{name}'] = of_part
    if 'ann_file' not in evaluator:  # it judges by the labels of the samples
        return overrides
    # the ground truth: of val as its evaluator names it, of train as its dataset does
    truth = config.get('val_evaluator') if split == 'val' else source
    if not isinstance(truth, Mapping) or 'ann_file' not in truth:
        where = 'val_evaluator' if split == 'val' else 'train_dataloader.dataset'
        raise ValueError(f'{where} names no ann_file, the ground truth of a test on {split}')
    for key in _EVALUATOR_KEYS:
        if key in evaluator or key in truth:
            overrides[f'test_evaluator.{key}'] = truth.get(key)
    return overrides
