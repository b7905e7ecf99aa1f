"""Restartable experiments, and their tables."""
