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
from .match_scores import MatchedScores, match_scores
from .roc_auc import roc_auc
from .sampled_average_precision import (
    SampledAP,
    expected_sampled_average_precision,
    sampled_average_precision,
)

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
    'count_classes',
    'expected_sampled_average_precision',
    'frame_average_precision',
    'match_scores',
    'read_ava_csv',
    'read_excluded_timestamps',
    'roc_auc',
    'sampled_average_precision',
    'split_by_train_test_ap',
    'split_head_medium_tail',
]
