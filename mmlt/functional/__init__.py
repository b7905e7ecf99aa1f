"""Pure functions on arrays: numpy in, numpy out; nothing of OpenMMLab, nor of the rest of mmlt."""

from .ava_boxes import (
    AVABoxes,
    ava_boxes_from_arrays,
    ava_boxes_from_score_matrix,
    read_ava_csv,
)
from .average_precision import average_precision
from .class_counts import (
    HeadMediumTail,
    HeadTail,
    count_classes,
    split_by_train_test_ap,
    split_head_medium_tail,
)
from .excluded_timestamps import read_excluded_timestamps
from .frame_average_precision import FrameAP, frame_average_precision
from .frame_order import (
    shuffle_clips,
    shuffled_frame_order,
    video_name,
    window_shape,
)
from .match_scores import MatchedScores, match_scores
from .representation_bias import representation_bias, representation_bias_std_error
from .roc_auc import roc_auc
from .sampled_average_precision import (
    SampledAP,
    average_precision_trials,
    expected_sampled_average_precision,
    sampled_average_precision,
)
from .sliding_windows import sliding_windows
from .top_k_accuracy import top_k_accuracy, top_k_recall

__all__ = [
    'AVABoxes',
    'FrameAP',
    'HeadMediumTail',
    'HeadTail',
    'MatchedScores',
    'SampledAP',
    'ava_boxes_from_arrays',
    'ava_boxes_from_score_matrix',
    'average_precision',
    'average_precision_trials',
    'count_classes',
    'expected_sampled_average_precision',
    'frame_average_precision',
    'match_scores',
    'read_ava_csv',
    'read_excluded_timestamps',
    'representation_bias',
    'representation_bias_std_error',
    'roc_auc',
    'sampled_average_precision',
    'shuffle_clips',
    'shuffled_frame_order',
    'sliding_windows',
    'split_by_train_test_ap',
    'split_head_medium_tail',
    'top_k_accuracy',
    'top_k_recall',
    'video_name',
    'window_shape',
]
