"""The data of one world and seed, and what a model reaches on them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmlt.datasets.toy_world.box_factors import (
    CLIP_SETS,
    Boxes,
    Clips,
    FactorConfig,
    FactorWorld,
)
from mmlt.experiments.cofinetune_features.model import AVA, FeatureDataset, score
from mmlt.functional import average_precision, expected_sampled_average_precision
from mmlt.models.cofinetune_model import CoFinetuneModel

#: What is measured of boxes, and in which groups.
BOX_MEASURES = ('AP', 'SAP')
GROUPS = ('all', 'head', 'medium', 'tail')
MEASURES = (
    *(f'{measure} {group}' for measure in BOX_MEASURES for group in GROUPS),
    *(f'top1 {name}' for name in CLIP_SETS),
)


class Data:
    """Training samples of a seed; val and test of its world.

    Args:
        world: Seed of the world.
        sample: Which draw of the training samples.
        config: Of the world.

    Raises:
        ValueError: Test boxes are too few for AP, or see :class:`FactorWorld`.
    """

    def __init__(self, world: int, sample: int, config: FactorConfig) -> None:
        factors = FactorWorld(world, config)
        self.groups = {'all': list(range(len(factors.priors.counts))), **factors.groups}
        self.boxes = {split: factors.boxes(split) for split in ('val', 'test')}
        natural = self.boxes['test'].targets[: self.boxes['test'].num_natural]
        if not natural.any(axis=0).all():
            raise ValueError(
                f'num_boxes={tuple(config.num_boxes)}: too few to test, a class has no AP'
            )
        self.clips = {
            name: {split: factors.clips(name, split) for split in ('val', 'test')}
            for name in CLIP_SETS
        }
        self.num_channels = config.num_channels
        self.num_classes = {AVA: len(self.groups['all']), **config.num_clip_classes}
        boxes = factors.boxes('train', sample)
        self._train: dict[str, Boxes | Clips] = {AVA: boxes}
        for name in CLIP_SETS:
            self._train[name] = factors.clips(name, 'train', sample)

    def train(self, name: str, times: int = 1) -> FeatureDataset:
        """The training samples of a dataset; see :class:`FeatureDataset`."""
        samples = self._train[name]
        return FeatureDataset(name, samples.features, samples[1], times)

    def validate(self, model: CoFinetuneModel) -> float:
        """The mean SAP of AVA's classes on val, or top-1 accuracy of a model of clips alone."""
        if AVA in model.heads:
            boxes = self.boxes['val']
            return float(np.nanmean(_class_sap(model, boxes)))
        (name,) = model.heads
        return _accuracy(model, name, self.clips[name]['val'])

    def test(self, model: CoFinetuneModel) -> Measured:
        """What the model reaches on the test samples of its datasets."""
        means, per_class = {}, {}
        if AVA in model.heads:
            boxes = self.boxes['test']
            natural = slice(boxes.num_natural)
            scores = score(model, AVA, boxes.features[natural])
            per_class['AP'] = average_precision(scores, boxes.targets[natural])
            per_class['SAP'] = _class_sap(model, boxes)
            for measure in BOX_MEASURES:
                for group in GROUPS:
                    values = per_class[measure][self.groups[group]]
                    means[f'{measure} {group}'] = float(np.mean(values))
        for name in CLIP_SETS:
            if name in model.heads:
                means[f'top1 {name}'] = _accuracy(model, name, self.clips[name]['test'])
        return Measured(means, {key: values.tolist() for key, values in per_class.items()})


class Measured(NamedTuple):
    """Test results, fractions.

    Attributes:
        means: Names of :data:`MEASURES` -> value, those of the model's heads.
        per_class: 'AP' and 'SAP' -> (C,) values of AVA's classes.
    """

    means: dict[str, float]
    per_class: dict[str, list[float]]


def _class_sap(model: CoFinetuneModel, boxes: Boxes) -> np.ndarray:
    scores = score(model, AVA, boxes.features)
    return expected_sampled_average_precision(scores, boxes.targets, boxes.valid)


def _accuracy(model: CoFinetuneModel, name: str, clips: Clips) -> float:
    return float(np.mean(score(model, name, clips.features).argmax(axis=1) == clips.labels))
