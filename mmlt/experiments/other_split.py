"""Testing on another split than the config's test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SPLITS = ('train', 'val', 'test')
_DATASET_KEYS = ('ann_file', 'exclude_file', 'proposal_file', 'data_prefix', 'feature_dir')
_EVALUATOR_KEYS = ('ann_file', 'exclude_file')


def test_overrides(config: Mapping[str, Any], split: str) -> dict[str, Any]:
    """What makes the test of a config run on the data of its ``split``.

    The test's pipeline, label map and metric stay. Only the files of the data are exchanged: those
    of the split's dataset, the feature bank that its pipeline reads (for ``tta_pipeline`` too), and
    with them the ground truth of the evaluator. Where the test is one of several datasets
    (``mmlt.MultiDatasetTestLoop``), each gets its own.

    Args:
        config: A config of mmengine with ``test_dataloader``, ``test_evaluator`` and the split's
            dataloader. Of several datasets these are dicts by name, and the train dataset has
            such a dict as its ``datasets``.
        split: 'train', 'val' or 'test'.

    Returns:
        Dotted key -> value, as ``--cfg-options`` takes them; empty for 'test'.

    Raises:
        ValueError: No such split, the config (or one of its datasets, which is named) lacks its
            dataloader, its ground truth or its feature bank, or a test of one dataset has more than
            one evaluator.
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
    if 'dataset' in config['test_dataloader']:
        return _overrides_of_one(config, split)
    overrides = {}
    for name in config['test_dataloader']:
        overrides.update(_overrides_of_one(config, split, name))
    return overrides


def _overrides_of_one(
    config: Mapping[str, Any], split: str, name: str | None = None
) -> dict[str, Any]:
    """Those of the only dataset, or of the one of that name."""
    suffix = '' if name is None else f'.{name}'
    source_key = f'{split}_dataloader{suffix}.dataset'
    if name is not None and split == 'train':
        source_key = f'train_dataloader.dataset.datasets.{name}'
    source = _at(config, source_key)
    if not isinstance(source, Mapping):
        raise ValueError(f'the config has no {source_key}, which a test on {split} needs')
    target_key = f'test_dataloader{suffix}.dataset'
    target = _at(config, target_key)
    overrides = _file_overrides(source, target, target_key)
    pipelines = {f'{target_key}.pipeline': target.get('pipeline')}
    if name is None:
        pipelines['tta_pipeline'] = config.get('tta_pipeline')
    for key, pipeline in pipelines.items():
        overrides.update(_bank_overrides(source_key, source, key, pipeline))
    evaluator = _at(config, f'test_evaluator{suffix}')
    is_one = not isinstance(evaluator, Sequence)
    for index, metric in enumerate([evaluator] if is_one else evaluator):
        if metric is None or 'ann_file' not in metric:  # it judges by the labels of the samples
            continue
        # the ground truth: of val as its evaluator names it, of train as its dataset does
        truth_key = f'val_evaluator{suffix}' if split == 'val' else source_key
        truth = _first_with_truth(_at(config, truth_key))
        if truth is None:
            raise ValueError(
                f'{truth_key} names no ann_file, the ground truth of a test on {split}'
            )
        prefix = f'test_evaluator{suffix}' + ('' if is_one else f'.{index}')
        for key in _EVALUATOR_KEYS:
            if key in metric or key in truth:
                overrides[f'{prefix}.{key}'] = truth.get(key)
    return overrides


def _file_overrides(
    source: Mapping[str, Any], target: Mapping[str, Any], target_key: str
) -> dict[str, Any]:
    """The files of the source, where the target has others."""
    overrides = {}
    for key in _DATASET_KEYS:
        if source.get(key) != target.get(key):
            value = source.get(key)
            parts = value.items() if isinstance(value, Mapping) else [(None, value)]
            for part, of_part in parts:
                name = key if part is None else f'{key}.{part}'
                overrides[f'{target_key}.{name}'] = of_part
    return overrides


def _bank_overrides(
    source_key: str, source: Mapping[str, Any], key: str, pipeline: Sequence | None
) -> dict[str, Any]:
    """The folder of the source's feature bank: in that of another split all windows are empty."""
    of_source = [step['bank_dir'] for _, step in _bank_steps(source.get('pipeline'))]
    overrides = {}
    for place, step in _bank_steps(pipeline):
        if not of_source:
            raise ValueError(f'{source_key} has no LoadFeatureBank, and {key}.{place} is one')
        if step['bank_dir'] != of_source[0]:
            overrides[f'{key}.{place}.bank_dir'] = of_source[0]
    return overrides


def _bank_steps(pipeline: Sequence | None) -> list[tuple[int, Mapping[str, Any]]]:
    return [
        (place, step)
        for place, step in enumerate(pipeline or ())
        if str(step.get('type')).rpartition('.')[2] == 'LoadFeatureBank'
    ]


def _first_with_truth(given: Any) -> Mapping[str, Any] | None:
    """The dataset or metric, or the first metric of a list, that names its annotations."""
    for each in given if isinstance(given, Sequence) else [given]:
        if isinstance(each, Mapping) and 'ann_file' in each:
            return each
    return None


def _at(config: Mapping[str, Any], dotted: str) -> Any:
    """The value at a dotted key, None where there is none."""
    for key in dotted.split('.'):
        config = config.get(key) if hasattr(config, 'get') else None  # mmengine's is no Mapping
    return config
