from __future__ import annotations

import numpy as np
import pytest

from mmlt.datasets.box_feature_files import (
    ROW_DTYPE,
    finish_folder,
    make_keyframe_table,
    start_folder,
    write_shard,
)

KEYFRAMES = [('one', 902), ('one', 903), ('another', 902)]
# keyframe, box, kind, score: two annotated boxes and a proposal, one and none, one and two
ROWS = [(0, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 0.9)]
ROWS += [(1, 0, 0, 1)]
ROWS += [(2, 0, 0, 1), (2, 0, 1, 0.8), (2, 1, 1, 0.7)]
NUM_CLASSES, WIDTH = 4, 3
LABELS = {0: [1], 1: [2, 3], 3: [1], 4: [3]}  # row -> classes of an annotated box


@pytest.fixture
def feature_rows():
    """Row i has features 10 i, 10 i + 1, 10 i + 2."""
    rows = np.zeros(len(ROWS), dtype=ROW_DTYPE)
    for row, values in zip(rows, ROWS):
        row['keyframe'], row['box'], row['kind'], row['score'] = values
        row['box_xyxy_norm'] = [0.1, 0.2, 0.3, 0.25 + values[1] / 10]
    labels = np.zeros((len(ROWS), NUM_CLASSES), dtype=np.uint8)
    for row, classes in LABELS.items():
        labels[row, classes] = 1
    features = 10 * np.arange(len(ROWS))[:, None] + np.arange(WIDTH)
    return features.astype(np.float32), labels, rows


@pytest.fixture
def feature_meta():
    return {
        'checkpoint_sha256': 'c' * 64,
        'dtype': 'float32',
        'feature_dim': WIDTH,
        'num_classes': NUM_CLASSES,
        'num_keyframes': 3,
        'keyframes_per_shard': 2,
        'num_shards': 2,
    }


@pytest.fixture
def keyframe_table():
    return make_keyframe_table(KEYFRAMES)


@pytest.fixture
def feature_dir(tmp_path, feature_rows, feature_meta, keyframe_table):
    """A finished folder: keyframes 0 and 1 in a shard, keyframe 2 in another."""
    folder = tmp_path / 'features' / 'train'
    start_folder(folder, feature_meta, keyframe_table)
    write_shard(folder, 0, *(array[:4] for array in feature_rows))
    write_shard(folder, 1, *(array[4:] for array in feature_rows))
    finish_folder(folder)
    return folder
