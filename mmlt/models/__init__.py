"""Models of scope ``mmlt``."""

from mmlt.models import (  # noqa: F401 (registers what they hold)
    blending,
    box_feature_classifier,
    cofinetune_model,
    feature_data_preprocessor,
    heads,
    long_tail_mixed_reconstruction,
    losses,
    recognizers,
    roi_heads,
)
