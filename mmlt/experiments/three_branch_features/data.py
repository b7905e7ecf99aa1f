"""The features of one world as tensors, with the windows of the long-term branch.

N boxes on K keyframes, P persons, S slots of a window, D channels, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmlt.datasets.toy_world.config import SPLITS
from mmlt.fileio.json_files import read_json_object

WINDOW_SEC, MAX_PERSONS = 21, 5
#: Class ids of two kinds of the toy world's classes.
KINDS = {'poses': range(1, 21), 'objects': range(21, 27)}


class Split(NamedTuple):
    """A split's features.

    Attributes:
        boxes: (N, D) RoI features of the annotated boxes.
        starts: (K + 1,) first box of each keyframe, and N.
        targets: (N, C) 0 or 1.
        context: (N,) place in ``CONTEXT_KINDS``.
        clips: (K, D) means of the maps.
        persons: (P + 1, D) of the feature bank, and nobody, who is zero.
        slots: (K, S) rows of ``persons`` in the window of each keyframe, nobody last.
    """

    boxes: Tensor
    starts: Tensor
    targets: Tensor
    context: np.ndarray
    clips: Tensor
    persons: Tensor
    slots: Tensor

    def batch(self, keyframes: Tensor) -> dict[str, Tensor]:
        """What a model is given of some keyframes; see ``FeatureBranches.forward``."""
        starts, counts = self.starts[keyframes], self.starts.diff()[keyframes]
        clip_index = torch.repeat_interleave(torch.arange(len(keyframes)), counts)
        before = counts.cumsum(0) - counts
        rows = torch.arange(len(clip_index)) + (starts - before)[clip_index]
        slots = self.slots[keyframes]
        # the empty ones are last, and masked: those that all windows have are left out
        slots = slots[:, : (slots < len(self.persons) - 1).sum(dim=1).max()]
        return {
            'boxes': self.boxes[rows],
            'clips': self.clips[keyframes],
            'clip_index': clip_index,
            'bank': self.persons[slots],
            'mask': slots < len(self.persons) - 1,
            'targets': self.targets[rows],
        }


class Data:
    """A world, whose features have mean 0 and deviation 1 in train: of boxes and persons, of clips.

    Raw, a mean over a map is a tenth of a maximum over a RoI, and the long-term branch diverges at
    rates that the RoI branch needs.

    Args:
        path: File of its features.
        ava: Folder of its AVA part.

    Attributes:
        splits: 'train', 'val' and 'test'.
        groups: Name of a group of classes -> their columns.
    """

    def __init__(self, path: Path, ava: Path) -> None:
        with np.load(path) as arrays:
            splits = {split: _read_split(arrays, f'{split}_') for split in SPLITS}
        scales = _Scale.of(splits['train'].boxes), _Scale.of(splits['train'].clips)
        self.splits = {name: _standardised(split, *scales) for name, split in splits.items()}
        of_file = read_json_object(ava / 'annotations' / 'split.json')
        groups = {name: of_file[name] for name in ('head', 'medium', 'tail')}
        groups = {'all': range(1, self.num_classes + 1), **groups, **KINDS}
        self.groups = {name: np.array(ids) - 1 for name, ids in groups.items()}

    @property
    def num_channels(self) -> int:
        """D."""
        return self.splits['train'].boxes.shape[1]

    @property
    def num_classes(self) -> int:
        """C."""
        return self.splits['train'].targets.shape[1]

    def train_batches(self, batch_size: int, seed: int) -> Iterator[dict[str, Tensor]]:
        """Batches of keyframes without end, epoch after epoch, each in an order of its own."""
        generator = torch.Generator().manual_seed(seed)
        split = self.splits['train']
        while True:
            order = torch.randperm(len(split.clips), generator=generator)
            for keyframes in order.split(batch_size):
                yield split.batch(keyframes)


class _Scale(NamedTuple):
    """Mean and deviation of each channel, (D,)."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, features: Tensor) -> _Scale:
        return cls(features.mean(dim=0), features.std(dim=0).clamp_min(1e-3))

    def apply(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std


def _standardised(split: Split, of_boxes: _Scale, of_clips: _Scale) -> Split:
    persons = of_boxes.apply(split.persons)
    persons[-1] = 0  # nobody
    return split._replace(
        boxes=of_boxes.apply(split.boxes), clips=of_clips.apply(split.clips), persons=persons
    )


def _read_split(arrays: Mapping[str, np.ndarray], prefix: str) -> Split:
    names = (name for name in arrays if name.startswith(prefix))
    found: dict[str, Any] = {name[len(prefix) :]: arrays[name] for name in names}
    slots = window_slots(
        list(zip(found['videos'].tolist(), found['timestamps'].tolist())),
        found['keyframe_of_person'],
        found['scores'],
    )
    nobody = np.zeros((1, found['persons'].shape[1]), np.float32)
    keyframes = np.arange(len(found['clips']) + 1)
    return Split(
        torch.from_numpy(found['boxes']),
        torch.from_numpy(np.searchsorted(found['keyframe_of_box'], keyframes)),
        torch.from_numpy(found['targets']).float(),
        found['context'],
        torch.from_numpy(found['clips']),
        torch.from_numpy(np.concatenate([found['persons'], nobody])),
        torch.from_numpy(slots),
    )


def window_slots(
    keyframes: Sequence[tuple[str, int]], keyframe_of_person: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """Who is in the window of each keyframe: of every second the best-scored persons.

    Args:
        keyframes: K pairs of video and second.
        keyframe_of_person: (P,).
        scores: (P,).

    Returns:
        (K, S) persons, then P for those that are missing.
    """
    num_persons, num_keyframes = len(scores), len(keyframes)
    order = np.lexsort((-scores, keyframe_of_person))
    keyframe = keyframe_of_person[order]
    place = np.arange(num_persons) - np.searchsorted(keyframe, keyframe)
    of_second = np.full((num_keyframes + 1, MAX_PERSONS), num_persons)  # the last: no such second
    kept = place < MAX_PERSONS
    of_second[keyframe[kept], place[kept]] = order[kept]
    index = {keyframe: i for i, keyframe in enumerate(keyframes)}
    offsets = range(-(WINDOW_SEC // 2), WINDOW_SEC // 2 + 1)
    seconds = [
        [index.get((video, second + offset), num_keyframes) for offset in offsets]
        for video, second in keyframes
    ]
    # attention asks for no order: in that of the rows, in which nobody is last
    return np.sort(of_second[np.array(seconds)].reshape(num_keyframes, -1), axis=1)
