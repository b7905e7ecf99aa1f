"""Models of scope ``mmlt``."""

from mmlt.models import (  # noqa: F401 (registers what they hold)
    ava_test_time_aug,
    backbones,
    blending,
    box_feature_classifier,
    cofinetune_model,
    feature_data_preprocessor,
    heads,
    long_tail_mixed_reconstruction,
    losses,
    padding_data_preprocessor,
    per_dataset_batch_norm,
    recognizers,
    roi_heads,
)
