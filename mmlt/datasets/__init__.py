"""Datasets, samplers and transforms of scope ``mmlt``, found through :mod:`mmlt.registry`.

Nothing is imported here: the toy world is drawn without loading mmaction2.
"""
