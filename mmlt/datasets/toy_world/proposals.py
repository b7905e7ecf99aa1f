"""What a person detector might say of a toy frame: jittered boxes, some missed, some false.

n annotated boxes, p proposals; boxes are ``x1 y1 x2 y2`` in fractions of the frame.
"""

from __future__ import annotations

import numpy as np

from mmlt.datasets.toy_world.config import ToyWorldConfig


def pairwise_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of (n, 4) boxes with (m, 4) others, (n, m)."""
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    opposite = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    overlap = np.clip(opposite - corner, 0, None).prod(axis=-1)
    areas, other_areas = ((b[:, 2:] - b[:, :2]).prod(axis=-1) for b in (boxes, others))
    return overlap / np.maximum(areas[:, None] + other_areas[None] - overlap, 1e-12)


def draw_proposals(
    boxes: np.ndarray, config: ToyWorldConfig, rng: np.random.Generator
) -> np.ndarray:
    """Proposals of a keyframe, best score first.

    A true proposal's score is about .92 at IoU .8 and falls with the IoU; a false one's is about
    .27. Every keyframe has at least one proposal, if only a false one: mmaction2 takes a keyframe
    without any for one box as large as the frame.

    Args:
        boxes: (n, 4), n >= 1.

    Returns:
        (p, 5) float64, p >= 1: box and score, coordinates rounded to 3 decimals, score to 6.
    """
    kept = boxes[rng.random(len(boxes)) >= config.proposal_miss_prob]
    again = kept[rng.random(len(kept)) < config.proposal_duplicate_prob]
    true = np.concatenate(
        [
            _jitter(kept, config.proposal_jitter, rng),
            _jitter(again, 2 * config.proposal_jitter, rng),
        ]
    )
    num_false = int(rng.poisson(config.proposal_false_rate))
    false = _false_boxes(boxes, max(num_false, int(len(true) == 0)), rng)
    best_iou = pairwise_iou(true, boxes).max(axis=1)
    logits = np.concatenate([2.5 + 6 * (best_iou - 0.8), np.full(len(false), -1.0)])
    logits += rng.normal(0, 0.8, size=len(logits))
    scores = 1 / (1 + np.exp(-logits))
    proposals = np.concatenate([true, false]).round(3)
    proposals = np.concatenate([proposals, scores.round(6)[:, None]], axis=1)
    return proposals[np.argsort(-scores, kind='stable')]


def _jitter(boxes: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    size = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + size * rng.normal(0, std, size=size.shape)
    half = size * np.exp(rng.normal(0, std, size=size.shape)) / 2
    return np.clip(np.concatenate([centre - half, centre + half], axis=1), 0, 1)


def _false_boxes(boxes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Boxes (count, 4) sized like annotated ones, the farthest of four draws from those."""
    false = np.zeros((count, 4))
    for i in range(count):
        shape = boxes[rng.integers(len(boxes))]
        size = (shape[2:] - shape[:2]) * rng.uniform(0.8, 1.25)
        corner = rng.uniform(0, 1 - size, size=(4, 2))
        draws = np.concatenate([corner, corner + size], axis=1)
        false[i] = draws[pairwise_iou(draws, boxes).max(axis=1).argmin()]
    return np.clip(false, 0, 1)
