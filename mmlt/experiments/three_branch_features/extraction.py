"""What a frozen trunk sees of a world: its boxes, its clips, and the persons of a feature bank.

N annotated boxes on K keyframes, P detected persons, D channels, C classes.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.datasets.toy_world.context_labels import CONTEXT_KINDS
from mmlt.experiments.three_branch_features.worlds import TRUNK_CONFIG, dataset_overrides
from mmlt.fileio.json_files import read_json_object
from mmlt.models.box_feature_extractor import BoxFeatureExtractor
from mmlt.weights_only import read_weights

#: A person of the bank scores more. The toy world's detector is less sure than AVA's, of which .9
#: is asked: a true proposal has about .92 at an IoU of .8, a false one .27.
PERSON_SCORE = 0.5
_BATCH_SIZE = 16


def extract_world(ava: Path, checkpoint: str | None) -> dict[str, np.ndarray]:
    """Features of all splits.

    Args:
        ava: Folder of the world's AVA part.
        checkpoint: Of the trunk. None: it is drawn anew, with the world's seed.

    Returns:
        For each split, the names after ``SPLIT_``: ``boxes`` (N, D), ``keyframe_of_box`` (N,),
        ``targets`` (N, C) bool, ``context`` (N,) places in ``CONTEXT_KINDS``; ``clips`` (K, D),
        ``videos`` (K,) ids, ``timestamps`` (K,); ``persons`` (P, D), ``keyframe_of_person`` (P,)
        and ``scores`` (P,).
    """
    settings = read_json_object(ava / 'world.json')['settings']
    lists = {key: tuple(value) for key, value in settings.items() if isinstance(value, list)}
    world = ToyWorldConfig(**{**settings, **lists})
    config = Config.fromfile(TRUNK_CONFIG)
    config.merge_from_dict(dataset_overrides(ava, world))
    init_default_scope(config.default_scope)
    torch.manual_seed(world.seed)
    model = MODELS.build(config.model)
    model.init_weights()
    if checkpoint is not None:
        model.load_state_dict(read_weights(checkpoint))
    extract = _Extractor(model.eval())
    arrays = {}
    for split in SPLITS:
        dataset = _dataset(config, split)
        context = _read_context(ava / 'annotations' / f'{split}_context.csv')
        for name, array in _extract_split(extract, dataset, context).items():
            arrays[f'{split}_{name}'] = array
    return arrays


class _Extractor(BoxFeatureExtractor):
    """Gives the means of the maps over time and space too."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(model)
        model.backbone.register_forward_hook(self._catch_maps)

    def _catch_maps(self, module: torch.nn.Module, inputs: tuple, maps: Any) -> None:
        maps = maps[0] if isinstance(maps, tuple) else maps
        self.clips = maps.mean(dim=(2, 3, 4)).numpy()


def _dataset(config: Config, split: str) -> Any:
    """All keyframes of a split, those on the exclusion list too: the bank knows of no list."""
    dataset = config[f'{split}_dataloader'].dataset.to_dict()
    dataset.update(exclude_file=None, test_mode=True, person_det_score_thr=PERSON_SCORE)
    return DATASETS.build(dataset)


def _read_context(path: Path) -> dict[tuple[str, int], dict[int, int]]:
    """Keyframe -> person -> place in CONTEXT_KINDS; nothing where the world has no context."""
    context: dict[tuple[str, int], dict[int, int]] = {}
    if path.exists():
        with open(path, newline='', encoding='utf-8') as file:
            for video, timestamp, person, kind in csv.reader(file):
                of_keyframe = context.setdefault((video, int(timestamp)), {})
                of_keyframe[int(person)] = CONTEXT_KINDS.index(kind)
    return context


def _extract_split(
    extract: _Extractor, dataset: Any, context: dict[tuple[str, int], dict[int, int]]
) -> dict[str, np.ndarray]:
    found: dict[str, list] = {}

    def add(**arrays: Any) -> None:
        for name, array in arrays.items():
            found.setdefault(name, []).append(np.asarray(array))

    for first in range(0, len(dataset), _BATCH_SIZE):
        batch = range(first, min(first + _BATCH_SIZE, len(dataset)))
        results = extract([dataset[keyframe] for keyframe in batch])
        for keyframe, clip, (features, _) in zip(batch, extract.clips, results):
            info = dataset.get_data_info(keyframe)
            key, num_boxes = (info['video_id'], int(info['timestamp'])), len(info['gt_labels'])
            is_person = np.asarray(info['scores']) > PERSON_SCORE
            # a keyframe's boxes stand in the order of their persons
            kinds = [context.get(key, {}).get(person, 0) for person in range(num_boxes)]
            add(boxes=features[:num_boxes], targets=info['gt_labels'][:, 1:] > 0, context=kinds)
            add(keyframe_of_box=np.full(num_boxes, keyframe), clips=clip[None])
            add(videos=[key[0]], timestamps=[key[1]], scores=info['scores'][is_person])
            add(persons=features[num_boxes:][is_person])
            add(keyframe_of_person=np.full(is_person.sum(), keyframe))
    return {name: np.concatenate(arrays) for name, arrays in found.items()}
