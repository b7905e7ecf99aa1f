"""What --tta changes in a config, and which configs it refuses."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from mmlt.engine.runner.tta_config import add_tta

STOCK = [dict(type='FormatShape'), dict(type='PackActionInputs')]
VIEWS = [dict(type='TestTimeAug', transforms=[[dict(type='Flip', flip_ratio=1)]])]


def _config(**changes):
    dataset = dict(type='AVADataset', ann_file='test.csv', pipeline=STOCK)
    loader = dict(batch_size=1, num_workers=3, dataset=dataset)
    config = dict(
        val_dataloader=loader, test_dataloader=loader, test_cfg=dict(), tta_pipeline=VIEWS
    )
    return Config({**config, **changes})


def test_pipeline_and_hook():
    config = _config()
    add_tta(config)
    assert config.test_dataloader.to_dict() == dict(
        batch_size=1,
        num_workers=3,
        dataset=dict(type='AVADataset', ann_file='test.csv', pipeline=VIEWS),
    )
    assert config.val_dataloader.dataset.pipeline == STOCK
    hook = dict(type='mmlt.PrepareTTAHook', tta_cfg=dict(type='mmlt.AVATestTimeAug'))
    assert config.custom_hooks == [hook]


def test_own_hooks_and_tta_model_stay():
    config = _config(custom_hooks=[dict(type='EMAHook')], tta_model=dict(type='Mine', weight=2))
    add_tta(config)
    assert [hook.type for hook in config.custom_hooks] == ['EMAHook', 'mmlt.PrepareTTAHook']
    assert config.custom_hooks[1].tta_cfg == dict(type='Mine', weight=2)


def test_wrapped_datasets():
    part = dict(type='AVADataset', pipeline=STOCK)
    dataset = dict(type='ConcatDataset', datasets=[dict(type='RepeatDataset', dataset=part), part])
    config = _config(test_dataloader=dict(dataset=dataset))
    add_tta(config)
    first, second = config.test_dataloader.dataset.datasets
    assert first.dataset.pipeline == second.pipeline == VIEWS
    assert 'pipeline' not in config.test_dataloader.dataset and 'pipeline' not in first


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(tta_pipeline=None), r'no tta_pipeline, which --tta needs; configs/_base_/.*ava_tta'),
        (dict(test_dataloader=None), 'no test_dataloader, which --tta needs'),
        (
            dict(test_dataloader=dict(ava=dict(dataset={}), k400=dict(dataset={}))),
            r'tests several datasets \(ava, k400\), .*tools/convert/cofinetune_checkpoint\.py',
        ),
        (
            dict(test_cfg=dict(type='mmlt.ShuffleBiasTestLoop')),
            'ShuffleBiasTestLoop shuffles single clips',
        ),
        (
            dict(default_hooks=dict(visualization=dict(type='VisualizationHook', enable=True))),
            '--show and --show-dir draw single clips',
        ),
    ],
)
def test_what_is_refused(changes, message):
    config = _config(**changes)
    before = config.to_dict()
    with pytest.raises(ValueError, match=message):
        add_tta(config)
    assert config.to_dict() == before
