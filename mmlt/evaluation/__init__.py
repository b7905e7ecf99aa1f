"""Judging a model: metrics for a running job, and their results as files and reports.

Imports nothing, so that all but ``metrics`` works without OpenMMLab.
"""
