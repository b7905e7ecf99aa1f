"""Runners of scope ``mmlt``."""

from mmlt.engine.runner.cofinetune_runner import CoFinetuneRunner

__all__ = ['CoFinetuneRunner']
