"""What the ``metrics.json`` of each kind of run holds, and what a report shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_FRACTION = 'fraction or null'  # null where it is undefined
_EVERY_RUN = {
    'train_counts_source': 'text or null',
    'split_source': 'text or null',
    'groups': 'object',
    'per_class': 'object',
}
_EVERY_CLASS = {'id': 'integer', 'num_train': 'count or null', 'group': 'group or null'}


class Task(NamedTuple):
    """One kind of evaluated run.

    ``run_keys``, ``later_keys`` (runs of older versions lack them), ``group_keys`` and
    ``class_keys`` map a key of the file to what its value must be.
    """

    noun: str  # what is counted of a class: boxes or samples
    run_keys: Mapping[str, str]
    later_keys: Mapping[str, str]
    group_keys: Mapping[str, str]
    class_keys: Mapping[str, str]
    overall: Mapping[str, str]  # key of a mean of the whole run -> its title
    means: Mapping[str, str]  # those that each group has too
    scores: Mapping[str, str]  # key of a score of each class -> its title
    gains: tuple[str, ...]  # scores whose gain is shown; the first is the one to go by
    chance: float | None  # the first score of random guesses, where it is the same everywhere
    conditions: tuple[str, ...]  # keys that are equal in runs that were evaluated alike

    @property
    def count_key(self) -> str:
        """The key of how many boxes or samples the scores of a class rest on."""
        return f'num_{self.noun}'


_AVA_MEANS = {'mSAP': 'mSAP', 'frame_mAP': 'frame-mAP', 'mAUC': 'mAUC'}
_CLASSIFIER_MEANS = {'mAP': 'mAP', 'mean_recall@1': 'recall@1', 'mean_recall@5': 'recall@5'}
_CLASSIFIER_OVERALL = {'mAP': 'mAP', 'acc@1': 'Acc@1', 'acc@5': 'Acc@5', **_CLASSIFIER_MEANS}

DETECTION = Task(
    noun='boxes',
    run_keys={
        'protocol': 'text',
        'capacity': 'count or null',
        **dict.fromkeys([*_AVA_MEANS, 'mSAP_sampled'], _FRACTION),
        'num_keyframes': 'count',
        'num_boxes': 'count',
        'pool': 'text',
        'num_trials': 'count',
        'seed': 'integer',
        **_EVERY_RUN,
    },
    later_keys={
        'num_keyframes_detected': 'count',
        'num_videos': 'count',
        'num_videos_detected': 'count',
        'num_classes_with_boxes': 'count',
        'num_classes_averaged': 'count',  # those that frame_mAP is the mean of
        'undetected_classes': 'texts',
        'frame_mAP_undetected_as_zero': _FRACTION,
        'warnings': 'texts',
        'no_score_ratio': 'fraction',
        'missing_score_ratio': 'fraction',
        'tied_score_ratio': 'fraction',
    },
    group_keys={'num_classes': 'count', **dict.fromkeys(_AVA_MEANS, _FRACTION)},
    class_keys={
        **_EVERY_CLASS,
        'num_boxes': 'count',
        **dict.fromkeys(('AP', 'SAP', 'SAP_std', 'SAP_sampled', 'AUC'), _FRACTION),
    },
    overall=_AVA_MEANS,
    means=_AVA_MEANS,
    scores={'SAP': 'SAP', 'AP': 'frame-AP', 'AUC': 'ROC-AUC'},
    gains=('SAP', 'AP'),
    chance=0.5,
    conditions=('protocol', 'capacity', 'pool', 'num_keyframes', 'num_boxes'),
)
CLASSIFICATION = Task(
    noun='samples',
    run_keys={
        **dict.fromkeys(_CLASSIFIER_OVERALL, _FRACTION),
        'num_samples': 'count',
        **_EVERY_RUN,
    },
    later_keys={},
    group_keys={'num_classes': 'count', **dict.fromkeys(_CLASSIFIER_MEANS, _FRACTION)},
    class_keys={
        **_EVERY_CLASS,
        'num_samples': 'count',
        **dict.fromkeys(('AP', 'recall@1', 'recall@5'), _FRACTION),
    },
    overall=_CLASSIFIER_OVERALL,
    means=_CLASSIFIER_MEANS,
    scores={'AP': 'AP', 'recall@1': 'recall@1', 'recall@5': 'recall@5'},
    gains=('AP',),
    chance=None,
    conditions=('num_samples',),
)


def get_task(metrics: Mapping) -> Task:
    """The task of a ``metrics.json``; a file of AVA detectors names none.

    Raises:
        ValueError: It names one that is not known.
    """
    if 'task' not in metrics:
        return DETECTION
    if metrics['task'] == 'classification':
        return CLASSIFICATION
    raise ValueError(
        f"key 'task' must be 'classification', or absent from the results of AVA detectors, got "
        f'{metrics["task"]!r:.80}'
    )
