"""Hooks and loops of scope ``mmlt``."""

from mmlt.engine.hooks import (
    AtomicCheckpointHook,
    DeferredReweightingHook,
    FreezeHook,
    LoadTrunkHook,
    PrepareTTAHook,
    ResumeStateHook,
    RunningAPHook,
    SafeCheckpointHook,
)
from mmlt.engine.loops import MultiDatasetTestLoop, MultiDatasetValLoop, ShuffleBiasTestLoop
from mmlt.engine.runner import CoFinetuneRunner

__all__ = [
    'AtomicCheckpointHook',
    'CoFinetuneRunner',
    'DeferredReweightingHook',
    'FreezeHook',
    'LoadTrunkHook',
    'MultiDatasetTestLoop',
    'MultiDatasetValLoop',
    'PrepareTTAHook',
    'ResumeStateHook',
    'RunningAPHook',
    'SafeCheckpointHook',
    'ShuffleBiasTestLoop',
]
