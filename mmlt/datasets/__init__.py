"""Datasets, samplers and transforms of scope ``mmlt``."""
