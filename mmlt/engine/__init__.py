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
from mmlt.engine.runner import CoFinetuneRunner

__all__ = [
    'AtomicCheckpointHook',
    'CoFinetuneRunner',
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
