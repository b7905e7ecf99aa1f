"""Hooks and loops of scope ``mmlt``."""

from mmlt.engine.hooks import (
    AtomicCheckpointHook,
    DeferredReweightingHook,
    FreezeHook,
    LoadTrunkHook,
    ResumeStateHook,
    RunningAPHook,
    SafeCheckpointHook,
)
from mmlt.engine.loops import MultiDatasetTestLoop, MultiDatasetValLoop, ShuffleBiasTestLoop

__all__ = [
    'AtomicCheckpointHook',
    'DeferredReweightingHook',
    'FreezeHook',
    'LoadTrunkHook',
    'MultiDatasetTestLoop',
    'MultiDatasetValLoop',
    'ResumeStateHook',
    'RunningAPHook',
    'SafeCheckpointHook',
    'ShuffleBiasTestLoop',
]
