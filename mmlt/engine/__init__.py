"""Hooks and loops of scope ``mmlt``."""

from mmlt.engine.hooks import (
    DeferredReweightingHook,
    FreezeHook,
    LoadTrunkHook,
    ResumeStateHook,
    RunningAPHook,
    SafeCheckpointHook,
)
from mmlt.engine.loops import ShuffleBiasTestLoop

__all__ = [
    'DeferredReweightingHook',
    'FreezeHook',
    'LoadTrunkHook',
    'ResumeStateHook',
    'RunningAPHook',
    'SafeCheckpointHook',
    'ShuffleBiasTestLoop',
]
