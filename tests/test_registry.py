"""Types of scope mmlt resolve from mmaction's scope and inside ``_scope_='mmdet'``."""

from __future__ import annotations

import pytest
from mmaction.registry import METRICS as MMACTION_METRICS
from mmdet.registry import HOOKS as MMDET_HOOKS
from mmdet.registry import METRICS as MMDET_METRICS
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import METRICS as ROOT_METRICS
from mmengine.registry import DefaultScope

from mmlt import registry
from mmlt.engine import AtomicCheckpointHook, SafeCheckpointHook


@pytest.mark.parametrize('metrics', [ROOT_METRICS, MMACTION_METRICS, MMDET_METRICS])
def test_metric_is_found_from_every_scope(metrics):
    assert metrics.get('mmlt.AVALongTailMetric').__module__.startswith('mmlt.')


def test_hook_is_found_from_mmdet():
    assert MMDET_HOOKS.get('mmlt.ResumeStateHook').__module__.startswith('mmlt.')


def test_a_config_with_the_old_name_of_a_hook_keeps_working():
    assert MMDET_HOOKS.get('mmlt.SafeCheckpointHook') is AtomicCheckpointHook
    assert SafeCheckpointHook is AtomicCheckpointHook


@pytest.mark.parametrize('scope', ['mmaction', 'mmdet'])
def test_model_of_ours_is_built_inside_a_model_of_that_scope(scope):
    from torch import nn

    @registry.MODELS.register_module(name='ProbeLayer', force=True)
    class ProbeLayer(nn.Identity):
        pass

    with DefaultScope.overwrite_default_scope('mmaction'):
        built = MMDET_MODELS.build(dict(type='mmlt.ProbeLayer', _scope_=scope))
    assert isinstance(built, ProbeLayer)


def test_unknown_name_is_an_error_that_names_it():
    with pytest.raises(KeyError, match='mmlt.NoSuchMetric'):
        ROOT_METRICS.build(dict(type='mmlt.NoSuchMetric'))
