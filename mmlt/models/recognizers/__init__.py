"""Recognizers."""

from mmlt.models.recognizers.feature_recognizer import FeatureRecognizer

__all__ = ['FeatureRecognizer']
