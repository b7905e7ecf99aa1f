"""A config whose test becomes one with test-time augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

_TTA_MODEL = {'type': 'mmlt.AVATestTimeAug'}


def add_tta(config: Config) -> None:
    """Test with ``tta_pipeline`` in the place of the test pipeline, and with ``tta_model``.

    What is in the config besides stays as it is, custom hooks among it; ``mmlt.PrepareTTAHook`` is
    added to them.

    Args:
        config: A config of mmengine, all options merged; it is changed. Its ``tta_pipeline`` is
            the whole pipeline, ending with ``TestTimeAug``; ``tta_model`` is
            ``mmlt.AVATestTimeAug`` where there is none.

    Raises:
        ValueError: There is no ``tta_pipeline`` or no test, a test of several datasets, one with
            shuffled frames, or clips are to be drawn.
    """
    _check(config)
    loader = dict(config['test_dataloader'])
    loader['dataset'] = _with_pipeline(loader['dataset'], config['tta_pipeline'])
    config['test_dataloader'] = loader
    hook = {'type': 'mmlt.PrepareTTAHook', 'tta_cfg': config.get('tta_model') or _TTA_MODEL}
    config['custom_hooks'] = [*(config.get('custom_hooks') or []), hook]


def _check(config: Config) -> None:
    loader = config.get('test_dataloader')
    if not loader:
        raise ValueError('the config has no test_dataloader, which --tta needs')
    if 'dataset' not in loader:
        raise ValueError(
            f'the config tests several datasets ({", ".join(loader)}), --tta tests a detector '
            'alone: tools/convert/cofinetune_checkpoint.py makes a config and a checkpoint of one '
            'head'
        )
    if not config.get('tta_pipeline'):
        raise ValueError(
            'the config has no tta_pipeline, which --tta needs; '
            'configs/_base_/datasets/ava_tta.py is an example'
        )
    if 'ShuffleBiasTestLoop' in str((config.get('test_cfg') or {}).get('type')):
        raise ValueError('test_cfg: mmlt.ShuffleBiasTestLoop shuffles single clips, not views')
    hooks = config.get('default_hooks') or {}
    if (hooks.get('visualization') or {}).get('enable'):
        raise ValueError('--show and --show-dir draw single clips, --tta makes views of them')


def _with_pipeline(dataset: Mapping[str, Any], pipeline: list) -> dict:
    """A dataset's config with another pipeline; looks into wrappers such as RepeatDataset."""
    dataset = dict(dataset)
    if 'dataset' in dataset:
        dataset['dataset'] = _with_pipeline(dataset['dataset'], pipeline)
    elif 'datasets' in dataset:
        dataset['datasets'] = [_with_pipeline(each, pipeline) for each in dataset['datasets']]
    else:
        dataset['pipeline'] = pipeline
    return dataset
