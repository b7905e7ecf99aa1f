"""Small labelled datasets of every kind, with known class counts.

Not serialised unless a test asks for it: mmengine then collects garbage, which takes longer than
the test.
"""

from __future__ import annotations

import numpy as np
import pytest
from mmaction.datasets import VideoDataset
from mmengine.dataset import BaseDataset

import mmlt  # noqa: F401
from mmlt.datasets.ava_dataset import AVADataset

# keyframe -> box -> class ids; 3 is tail, 5 stands in three boxes of two keyframes
KEYFRAMES = {902: [[1, 5], [2]], 903: [[1]], 904: [[1, 3], [5, 1], [1, 2, 5], [4]]}
LABEL_MAP = ''.join(
    f'item {{\n  name: "{name}"\n  id: {class_id}\n}}\n'
    for class_id, name in enumerate(['run', 'jump', 'swim', 'sit', 'stand'], start=1)
)


class Rows(BaseDataset):
    """Samples that are given, as a dataset of the user's own may load them."""

    def __init__(self, infos, num_classes=None, **kwargs):
        self._infos = infos
        if num_classes is not None:
            self.num_classes = num_classes
        super().__init__(**{'serialize_data': False, **kwargs})

    def load_data_list(self):
        return [dict(info) for info in self._infos]


@pytest.fixture
def rows():
    return Rows


@pytest.fixture
def ava(tmp_path):
    """Builds the keyframes above as an AVA dataset of 5 classes."""
    lines, box_number = [], 0
    for second, boxes in KEYFRAMES.items():
        for labels in boxes:
            box_number += 1
            box = f'0.{box_number}00,0.100,0.950,0.900'
            lines += [f'v,{second:04d},{box},{label},{box_number}' for label in labels]
    (tmp_path / 'train.csv').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    (tmp_path / 'map.pbtxt').write_text(LABEL_MAP, encoding='utf-8')

    def build(**kwargs):
        options = dict(num_classes=6, label_file=str(tmp_path / 'map.pbtxt'))
        options.update(pipeline=[], serialize_data=False)
        return AVADataset(ann_file=str(tmp_path / 'train.csv'), **{**options, **kwargs})

    return build


@pytest.fixture
def clips(tmp_path):
    """Builds eight clips of classes 0, 0, 0, 0, 0, 1, 1, 2 as a VideoDataset."""

    def build(lines=('0', '0', '0', '0', '0', '1', '1', '2'), **kwargs):
        path = tmp_path / 'clips.txt'
        text = ''.join(f'{index}.mp4 {labels}\n' for index, labels in enumerate(lines))
        path.write_text(text, encoding='utf-8')
        return VideoDataset(ann_file=str(path), pipeline=[], serialize_data=False, **kwargs)

    return build


@pytest.fixture
def dataset_of(ava, clips):
    """A dataset of each kind: AVA's keyframes, clips, clips with several labels, features."""
    hot = np.zeros((6, 4), dtype=np.float32)
    for row, labels in enumerate([[1], [1, 2], [1], [1], [3, 1], [1]]):
        hot[row, labels] = 1
    return {
        'keyframes': ava,
        'clips': clips,
        'multi-label clips': lambda: clips(
            ['0 1', '0', '0', '0 2', '0', '1'], multi_class=True, num_classes=3
        ),
        'features': lambda: Rows([{'gt_labels': row} for row in hot]),
    }
