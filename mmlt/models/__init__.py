"""Models of scope ``mmlt``."""

from . import box_feature_classifier, losses, roi_heads  # noqa: F401 (registers what they hold)
