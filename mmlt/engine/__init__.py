"""Hooks and loops of scope ``mmlt``."""

from mmlt.engine.hooks import ResumeStateHook, SafeCheckpointHook
from mmlt.engine.loops import ShuffleBiasTestLoop

__all__ = ['ResumeStateHook', 'SafeCheckpointHook', 'ShuffleBiasTestLoop']
