"""Hooks of scope ``mmlt``."""

from mmlt.engine.hooks.resume_state_hook import ResumeStateHook
from mmlt.engine.hooks.safe_checkpoint_hook import SafeCheckpointHook

__all__ = ['ResumeStateHook', 'SafeCheckpointHook']
