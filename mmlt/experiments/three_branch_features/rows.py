"""One row of the table: train it, choose its checkpoint on val, measure it on test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.logging import MMLogger

from mmlt.experiments.short_training import Best, train_and_choose
from mmlt.experiments.three_branch_features.data import Data, Split
from mmlt.experiments.three_branch_features.model import ROWS, FeatureBranches
from mmlt.functional import average_precision, expected_sampled_average_precision

#: Keyframes of a batch; about 2.3 boxes each.
BATCH_SIZE = 32
#: That of the toy detector; under the report's SGD the long-term branch diverges at rates that the
#: RoI branch needs (on val).
OPTIMIZER = dict(type='AdamW', weight_decay=1e-4)
GROUPS = ('all', 'head', 'medium', 'tail', 'poses', 'objects')
MEASURES = (
    *(f'{measure} {group}' for measure in ('AP', 'SAP') for group in GROUPS),
    'AP context',
)


def run_row(data: Data, row: str, num_updates: int, lr: float, seed: int) -> dict[str, Any]:
    """Train and test a row.

    Args:
        data: Features of a world.
        row: Name in :data:`ROWS`.
        num_updates: Of the training.
        lr: Highest learning rate.
        seed: Of weights, orders and dropout.

    Returns:
        'means' and 'per_class' of test, see :func:`measure`, and of the checkpoint 'val', 'step'
        and 'curve'.
    """
    model, best = train_row(data, row, num_updates, lr, seed)
    split = data.splits['test']
    found = measure(model.score(split).numpy(), split, data.groups)
    return {**found, 'val': best.score, 'step': best.step, 'curve': best.curve}


def train_row(
    data: Data, row: str, num_updates: int, lr: float, seed: int
) -> tuple[FeatureBranches, Best]:
    """The model with the weights that are best on val, by the mean AP of all classes."""
    if not MMLogger.check_instance_created('three branches'):
        MMLogger.get_instance('three branches', log_level='WARNING')  # not every initial weight
    torch.manual_seed(seed)
    model = FeatureBranches(data.num_channels, data.num_classes, ROWS[row])
    model.init_weights()
    split = data.splits['val']
    targets = split.targets.numpy() > 0

    def validate(model: FeatureBranches) -> float:
        scores = model.score(split).numpy().astype(np.float64)
        return float(np.nanmean(average_precision(scores, targets)))

    batches = data.train_batches(BATCH_SIZE, seed)
    return model, train_and_choose(model, batches, {**OPTIMIZER, 'lr': lr}, num_updates, validate)


def measure(
    scores: np.ndarray, split: Split, groups: dict[str, Sequence[int]]
) -> dict[str, dict[str, Any]]:
    """What scores of a split's boxes are worth, as fractions.

    Args:
        scores: (N, C).
        split: Whose boxes they are of.
        groups: Name of a group -> its columns.

    Returns:
        'means': names of :data:`MEASURES` -> value, without 'AP context' where no box has a label
        that depends on context; 'per_class': 'AP' and 'SAP' -> (C,).
    """
    scores, targets = scores.astype(np.float64), split.targets.numpy() > 0
    per_class = {
        'AP': average_precision(scores, targets),
        'SAP': expected_sampled_average_precision(scores, targets),
    }
    means = {
        f'{name} {group}': float(np.mean(values[groups[group]]))
        for name, values in per_class.items()
        for group in GROUPS
    }
    of_context = split.context > 0
    if of_context.any():
        objects = groups['objects']
        found = average_precision(scores[of_context][:, objects], targets[of_context][:, objects])
        means['AP context'] = float(np.mean(found))
    return {
        'means': means,
        'per_class': {name: values.tolist() for name, values in per_class.items()},
    }
