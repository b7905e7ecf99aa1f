"""Scores and labels of samples, in the form in which ranks exchange them.

Shapes: n samples, C classes, l labels in all. A block is a plain dict: ``keys`` (list of n tuples,
see :func:`sample_key`), ``scores`` (n, C), ``num_labels`` (n,) int64 and, sample after sample,
``labels`` (l,) int64. Class indices instead of a multi-hot matrix, for labels are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmlt.evaluation.gather.blocks import merge_blocks, to_float_array

#: What may tell one sample of a dataset from another, where the data sample carries it.
KEY_FIELDS = ('sample_idx', 'filename', 'frame_dir', 'video_id', 'timestamp')
#: A block without samples.
NO_SAMPLES = {
    'keys': [],
    'scores': np.zeros((0, 0)),
    'num_labels': np.zeros(0, dtype=np.int64),
    'labels': np.zeros(0, dtype=np.int64),
}


def sample_key(sample: Mapping) -> tuple:
    """All of ``KEY_FIELDS`` that the sample carries, as text; () if it carries none.

    ``PackActionInputs`` keeps them out unless its ``meta_keys`` name them.
    """
    present = (field for field in KEY_FIELDS if sample.get(field) is not None)
    return tuple(f'{field}={sample[field]}' for field in present)


def sample_block(sample: Mapping) -> dict:
    """Make the block of one data sample of a recognizer; checks shapes and values.

    Args:
        sample: With 'pred_score' (C,) and 'gt_label': one class index, (1,), or 0/1 for each
            class, (C,), C > 1.

    Returns:
        The block; float64 scores stay float64, any others become float32.

    Raises:
        ValueError: A field is missing or has another shape, a NaN score, an index outside of
            the classes, a label that is neither 0 nor 1.
    """
    key = sample_key(sample)
    where = f'sample {", ".join(key)}' if key else 'a data sample'
    for field in ('pred_score', 'gt_label'):
        if field not in sample:
            raise ValueError(f'{where} has no {field}; it has {", ".join(sorted(sample))}')
    if isinstance(sample['pred_score'], Mapping):
        names = ', '.join(map(str, sample['pred_score']))
        raise ValueError(f'{where}: pred_score is one for each of {names}, not one score a class')
    scores = to_float_array(sample['pred_score'])
    if scores.ndim != 1 or not len(scores):
        raise ValueError(f'{where}: pred_score has shape {scores.shape}, not (classes,)')
    if np.isnan(scores).any():
        raise ValueError(f'{where}: pred_score[{np.isnan(scores).argmax()}] is nan')
    labels = _class_indices(to_float_array(sample['gt_label']), len(scores), where)
    return {
        'keys': [key],
        'scores': scores[None],
        'num_labels': np.array([len(labels)], dtype=np.int64),
        'labels': labels,
    }


def _class_indices(gt_label: np.ndarray, num_classes: int, where: str) -> np.ndarray:
    if gt_label.shape == (1,):
        index = gt_label[0]
        if not 0 <= index < num_classes or index != int(index):
            raise ValueError(
                f'{where}: gt_label is {index:g}, not a class from 0 to {num_classes - 1}'
            )
        return np.array([int(index)], dtype=np.int64)
    if gt_label.shape != (num_classes,):
        raise ValueError(
            f'{where}: gt_label has shape {gt_label.shape}, neither (1,), a class index, nor '
            f'({num_classes},), 0 or 1 for each class of pred_score'
        )
    wrong = np.flatnonzero((gt_label != 0) & (gt_label != 1))
    if len(wrong):
        raise ValueError(
            f'{where}: gt_label[{wrong[0]}] is {gt_label[wrong[0]]:g}, neither 0 nor 1'
        )
    return np.flatnonzero(gt_label).astype(np.int64)


def one_per_sample(blocks: Sequence[dict], num_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Join the blocks of all ranks, without the samples that came twice to fill up a shard.

    Where the keys tell the samples of the dataset apart (as many distinct keys as samples), one of
    each key is kept. Otherwise the shards are taken to be interleaved, as those of mmengine's
    ``DefaultSampler`` are: rank r of R holds samples r, r + R, ..., and what goes beyond the
    size of the dataset is padding.

    Args:
        blocks: One a rank, in the order of the ranks.
        num_samples: Size of the dataset.

    Returns:
        Scores (N, C) and targets (N, C) bool, N <= num_samples.
    """
    place = np.concatenate([np.arange(len(block['keys'])) for block in blocks])
    merged = merge_blocks(blocks, NO_SAMPLES)
    kept = np.argsort(place, kind='stable')  # by place in the shard, then by rank
    first_of = {merged['keys'][i]: i for i in kept[::-1].tolist()}
    if len(first_of) == num_samples:
        kept = np.array(sorted(first_of.values(), key=merged['keys'].__getitem__), dtype=np.int64)
    kept = kept[:num_samples]
    scores = merged['scores']
    targets = np.zeros(scores.shape, dtype=bool)
    targets[np.repeat(np.arange(len(scores)), merged['num_labels']), merged['labels']] = True
    if np.array_equal(kept, np.arange(len(scores))):
        return scores, targets  # one rank: no second copy
    return scores[kept], targets[kept]
