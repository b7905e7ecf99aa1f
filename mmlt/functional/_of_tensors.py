"""What :mod:`mmlt.functional` exports and needs torch; imported when one of it is asked for."""

from __future__ import annotations

from mmlt.functional.detection.jitter_boxes import jitter_boxes
from mmlt.functional.losses.asymmetric_loss import asymmetric_loss
from mmlt.functional.losses.distribution_balanced_loss import (
    distribution_balanced_loss,
    rebalancing_weights,
)
from mmlt.functional.losses.eqlv2 import eqlv2_gradients, eqlv2_loss, eqlv2_weights
from mmlt.functional.losses.equalization_loss import equalization_loss
from mmlt.functional.losses.focal_loss import focal_loss
from mmlt.functional.losses.ldam_loss import ldam_loss, ldam_margins
from mmlt.functional.losses.logit_adjustment import log_odds_of_priors, logit_adjusted_loss
from mmlt.functional.losses.smooth_labels import smooth_labels
from mmlt.functional.losses.softmax_focal_loss import softmax_focal_loss
from mmlt.functional.losses.tau_normalize import tau_normalize
from mmlt.functional.mixing.framestack import framestack
from mmlt.functional.mixing.long_tail_mixed_reconstruction import (
    long_tail_mixed_reconstruction,
    reconstruct_features,
    reconstruction_contributions,
)
from mmlt.functional.mixing.mixup import mixup
from mmlt.functional.sampling.drawn_class_mask import drawn_class_mask
from mmlt.functional.video.frame_order import (
    shuffle_clips,
    shuffled_frame_order,
    video_name,
    window_shape,
)
from mmlt.functional.video.inflate_kernel import inflate_kernel
from mmlt.functional.video.resize_pos_embed import resize_pos_embed

__all__ = [
    'asymmetric_loss',
    'distribution_balanced_loss',
    'drawn_class_mask',
    'eqlv2_gradients',
    'eqlv2_loss',
    'eqlv2_weights',
    'equalization_loss',
    'focal_loss',
    'framestack',
    'inflate_kernel',
    'jitter_boxes',
    'ldam_loss',
    'ldam_margins',
    'log_odds_of_priors',
    'logit_adjusted_loss',
    'long_tail_mixed_reconstruction',
    'mixup',
    'rebalancing_weights',
    'reconstruct_features',
    'reconstruction_contributions',
    'resize_pos_embed',
    'shuffle_clips',
    'shuffled_frame_order',
    'smooth_labels',
    'softmax_focal_loss',
    'tau_normalize',
    'video_name',
    'window_shape',
]
