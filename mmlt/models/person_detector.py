"""Person boxes in images by any detector of mmdet."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmdet.registry import DATASETS, MODELS
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from torch import nn

from mmlt.weights_only import load_weights_only, read_weights


class PersonDetector:
    """The boxes of one class that a detector finds, as fractions of the image.

    Args:
        model: A detector of mmdet 3.x in eval mode.
        label: Index of the class of persons.
        score_thr: Boxes scored lower are left out.
    """

    def __init__(self, model: nn.Module, label: int, score_thr: float) -> None:
        self.model = model
        self.label = label
        self.score_thr = score_thr

    @torch.no_grad()
    def __call__(self, samples: Sequence[dict]) -> list[np.ndarray]:
        """Boxes of each image, (n, 5) float64: x1 y1 x2 y2 score, best first.

        Args:
            samples: What :func:`image_pipeline` gives of images.

        Raises:
            ValueError: A box or score is not finite.
        """
        found = self.model.test_step(pseudo_collate(samples))
        return [self._persons(sample) for sample in found]

    def _persons(self, sample: Any) -> np.ndarray:
        instances = sample.pred_instances
        is_person = instances.labels == self.label
        boxes = instances.bboxes[is_person].double().cpu().numpy()
        scores = instances.scores[is_person].double().cpu().numpy()
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ValueError('the detector gives boxes or scores that are not finite')
        height, width = sample.ori_shape[:2]
        boxes = np.clip(boxes / [width, height, width, height], 0, 1)
        order = np.argsort(-scores, kind='stable')
        order = order[scores[order] >= self.score_thr]
        return np.concatenate([boxes[order], scores[order, None]], axis=1)


def read_config(path: str, options: Mapping) -> Config:
    """A config of mmdet, its scope made the default one.

    Raises:
        ValueError: It has no model, or no test pipeline.
    """
    config = Config.fromfile(path)
    config.merge_from_dict(dict(options))
    init_default_scope(config.get('default_scope') or 'mmdet')
    for key in ('model', 'test_dataloader'):
        if not config.get(key):
            raise ValueError(f'{path}: no {key}; a config of mmdet 3.x is needed')
    return config


def build_detector(config: Config, checkpoint: str, device: str) -> nn.Module:
    """The detector in eval mode, all of its weights loaded.

    Args:
        config: Of mmdet.
        checkpoint: A local file, read weights-only.
        device: Where it runs.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not safe to load, or its weights are not those of the config's model.
    """
    weights = read_weights(checkpoint)
    model = revert_sync_batchnorm(MODELS.build(copy.deepcopy(config.model)))
    try:
        load_state_dict(model, weights, strict=True)
    except RuntimeError as error:
        raise ValueError(f'{checkpoint} does not fit {config.filename}: {error}') from None
    return model.eval().to(device)


def image_pipeline(config: Config) -> Compose:
    """The config's test pipeline on images in memory.

    Raises:
        ValueError: It does not begin with loading a file.
    """
    steps = copy.deepcopy(get_test_pipeline_cfg(config))
    if str(steps[0].type).rpartition('.')[2] != 'LoadImageFromFile':
        raise ValueError(
            f'{config.filename}: the test pipeline begins with {steps[0].type}, not '
            'LoadImageFromFile'
        )
    steps[0].type = 'mmdet.LoadImageFromNDArray'
    return Compose(steps)


def person_index(config: Config, checkpoint: str, label: str) -> int:
    """Index of the class of persons.

    Args:
        config: Of mmdet.
        checkpoint: Names the classes in its meta; where it does not, the config's dataset does.
        label: Index or name.

    Raises:
        ValueError: There is no such class; names all.
    """
    classes = _class_names(config, checkpoint)
    if label.isdecimal() and (not classes or int(label) < len(classes)):
        return int(label)
    if not classes:
        raise ValueError(
            f'neither {checkpoint} nor {config.filename} names the classes: give the index of '
            f'{label!r} as --person-label'
        )
    if label not in classes:
        raise ValueError(
            f'--person-label {label}: the detector has no such class; its {len(classes)} are '
            f'{", ".join(classes)}'
        )
    return classes.index(label)


def _class_names(config: Config, checkpoint: str) -> tuple[str, ...]:
    meta = load_weights_only(checkpoint).get('meta') or {}
    of_dataset = meta.get('dataset_meta') or {}
    saved = {str(key).lower(): value for key, value in {**meta, **of_dataset}.items()}
    return _names(saved.get('classes')) or _names(_classes_of(config.test_dataloader.dataset))


def _classes_of(dataset: Mapping) -> Any:
    """What a dataset's config, or its type, says of its classes; of a wrapper, what it wraps."""
    inner = dataset.get('dataset') or next(iter(dataset.get('datasets') or ()), None)
    if 'pipeline' not in dataset and inner:
        return _classes_of(inner)
    given = {str(key).lower(): value for key, value in (dataset.get('metainfo') or {}).items()}
    known = getattr(DATASETS.get(dataset['type']), 'METAINFO', {})
    return given.get('classes') or known.get('classes')


def _names(classes: Any) -> tuple[str, ...]:
    """One name may have been written without the comma that makes it a tuple."""
    return (classes,) if isinstance(classes, str) else tuple(map(str, classes or ()))
