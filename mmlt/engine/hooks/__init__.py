"""Hooks of scope ``mmlt``."""

from mmlt.engine.hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from mmlt.engine.hooks.check_data_hook import CheckDataHook
from mmlt.engine.hooks.deferred_reweighting_hook import DeferredReweightingHook
from mmlt.engine.hooks.freeze_hook import FreezeHook
from mmlt.engine.hooks.load_trunk_hook import LoadTrunkHook
from mmlt.engine.hooks.prepare_tta_hook import PrepareTTAHook
from mmlt.engine.hooks.resume_state_hook import ResumeStateHook
from mmlt.engine.hooks.running_ap_hook import RunningAPHook

#: The name of before.
SafeCheckpointHook = AtomicCheckpointHook

__all__ = [
    'AtomicCheckpointHook',
    'CheckDataHook',
    'DeferredReweightingHook',
    'FreezeHook',
    'LoadTrunkHook',
    'PrepareTTAHook',
    'ResumeStateHook',
    'RunningAPHook',
    'SafeCheckpointHook',
]
