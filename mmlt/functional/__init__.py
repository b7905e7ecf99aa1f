"""Pure functions on arrays and tensors; nothing of OpenMMLab, nor of the rest of mmlt.

What works on tensors is imported when it is first asked for: torch takes a second, and who judges
detections needs none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mmlt.functional.detection.ava_boxes import (
    AVABoxes,
    ava_boxes_from_arrays,
    ava_boxes_from_score_matrix,
)
from mmlt.functional.detection.excluded_timestamps import read_excluded_timestamps
from mmlt.functional.detection.frame_average_precision import FrameAP, frame_average_precision
from mmlt.functional.detection.link_boxes import link_boxes
from mmlt.functional.detection.match_scores import MatchedScores, match_scores
from mmlt.functional.detection.read_ava_csv import read_ava_csv
from mmlt.functional.detection.read_ava_kinetics_csv import read_ava_kinetics_csv
from mmlt.functional.losses.class_balanced_weights import class_balanced_weights
from mmlt.functional.retrieval.average_precision import average_precision
from mmlt.functional.retrieval.roc_auc import roc_auc
from mmlt.functional.retrieval.sampled_average_precision import (
    SampledAP,
    average_precision_trials,
    expected_sampled_average_precision,
    sampled_average_precision,
)
from mmlt.functional.retrieval.top_k_accuracy import (
    average_top_k_error,
    top_k_accuracy,
    top_k_recall,
)
from mmlt.functional.sampling.class_balanced_draws import Draws, plan_draws
from mmlt.functional.sampling.class_balanced_sampling import (
    ClassMembers,
    class_counts_of_draws,
    class_repeat_factors,
    class_sampling_probs,
    expected_draws,
    group_by_class,
)
from mmlt.functional.sampling.class_counts import (
    HeadMediumTail,
    HeadTail,
    count_classes,
    split_by_train_test_ap,
    split_head_medium_tail,
)
from mmlt.functional.sampling.dataset_schedule import dataset_schedule
from mmlt.functional.sampling.split_videos import split_videos
from mmlt.functional.video.representation_bias import (
    representation_bias,
    representation_bias_std_error,
)
from mmlt.functional.video.sliding_windows import sliding_windows
from mmlt.functional.video.stochastic_depth_rates import stochastic_depth_rates

if TYPE_CHECKING:
    from mmlt.functional._of_tensors import *  # noqa: F403

__all__ = [
    'AVABoxes',
    'ClassMembers',
    'Draws',
    'FrameAP',
    'HeadMediumTail',
    'HeadTail',
    'MatchedScores',
    'SampledAP',
    'asymmetric_loss',
    'ava_boxes_from_arrays',
    'ava_boxes_from_score_matrix',
    'average_precision',
    'average_precision_trials',
    'average_top_k_error',
    'class_balanced_weights',
    'class_counts_of_draws',
    'class_repeat_factors',
    'class_sampling_probs',
    'count_classes',
    'dataset_schedule',
    'distribution_balanced_loss',
    'drawn_class_mask',
    'eqlv2_gradients',
    'eqlv2_loss',
    'eqlv2_weights',
    'equalization_loss',
    'expected_draws',
    'expected_sampled_average_precision',
    'focal_loss',
    'frame_average_precision',
    'framestack',
    'group_by_class',
    'inflate_kernel',
    'jitter_boxes',
    'ldam_loss',
    'ldam_margins',
    'link_boxes',
    'log_odds_of_priors',
    'logit_adjusted_loss',
    'long_tail_mixed_reconstruction',
    'match_scores',
    'mixup',
    'plan_draws',
    'read_ava_csv',
    'read_ava_kinetics_csv',
    'read_excluded_timestamps',
    'rebalancing_weights',
    'reconstruct_features',
    'reconstruction_contributions',
    'representation_bias',
    'representation_bias_std_error',
    'resize_pos_embed',
    'roc_auc',
    'sampled_average_precision',
    'shuffle_clips',
    'shuffled_frame_order',
    'sliding_windows',
    'smooth_labels',
    'softmax_focal_loss',
    'split_by_train_test_ap',
    'split_head_medium_tail',
    'split_videos',
    'stochastic_depth_rates',
    'tau_normalize',
    'top_k_accuracy',
    'top_k_recall',
    'video_name',
    'window_shape',
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = getattr(importlib.import_module('mmlt.functional._of_tensors'), name)
    globals()[name] = value  # the next time it is there
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
