"""Hooks of scope ``mmlt``."""

from mmlt.engine.hooks import ResumeStateHook, SafeCheckpointHook

__all__ = ['ResumeStateHook', 'SafeCheckpointHook']
