"""What mmengine logs of an evaluation: a flat dictionary, in which an undefined value is NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping


def detection_values(metrics: Mapping, per_class_keys: bool = False) -> dict[str, float]:
    """Of a detector: 'mSAP', 'tail/mSAP', 'SAP/fly' and so on.

    Args:
        metrics: What :func:`mmlt.evaluation.ava.evaluate_ava` returned.
        per_class_keys: Whether the scores of single classes are among them.
    """
    flat = {key: metrics[key] for key in ('frame_mAP', 'mSAP', 'mAUC', 'mSAP_sampled')}
    flat['frame_mAP_undetected_as_zero'] = metrics['frame_mAP_undetected_as_zero']
    flat['num_undetected_classes'] = float(len(metrics['undetected_classes']))
    for group, summary in metrics['groups'].items():
        flat.update({f'{group}/{key}': summary[key] for key in ('frame_mAP', 'mSAP', 'mAUC')})
    for key in ('AP', 'SAP', 'SAP_std', 'AUC') if per_class_keys else ():
        flat.update({f'{key}/{name}': row[key] for name, row in metrics['per_class'].items()})
    return _none_as_nan(flat)


def classification_values(metrics: Mapping, per_class_keys: bool = False) -> dict[str, float]:
    """Of a classifier: 'mAP', 'tail/mAP', 'AP/fly' and so on.

    Args:
        metrics: What :func:`mmlt.evaluation.classification.evaluate_classification` returned.
        per_class_keys: Whether the scores of single classes are among them.
    """
    flat = {
        'mAP': metrics['mAP'],
        'acc/top1': metrics['acc@1'],
        'acc/top5': metrics['acc@5'],
        'acc/mean1': metrics['mean_recall@1'],
    }
    for group, summary in metrics['groups'].items():
        flat[f'{group}/mAP'] = summary['mAP']
        flat[f'{group}/mean1'] = summary['mean_recall@1']
    if per_class_keys:
        rows = metrics['per_class'].items()
        flat.update({f'AP/{name}': row['AP'] for name, row in rows})
        flat.update({f'recall1/{name}': row['recall@1'] for name, row in rows})
    return _none_as_nan(flat)


def _none_as_nan(flat: Mapping[str, float | None]) -> dict[str, float]:
    return {key: math.nan if value is None else value for key, value in flat.items()}
