"""Multi-label boxes of AVA v2.2's class frequencies: a pose, perhaps an object, one or two persons.

Shapes: N boxes, C = 60 classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmlt.fileio.class_counts import BUILTIN_COUNTS, read_class_counts

#: Largest class ids of AVA's poses, and of its actions upon objects; the others are upon persons.
LAST_POSE, LAST_OBJECT = 14, 63


class Priors(NamedTuple):
    """AVA's class frequencies.

    Attributes:
        counts: (C,) int64, training labels of AVA v2.2 by ascending class id.
        probs: (C,) share of the boxes that carry the class.
        kinds: Columns of the poses, the actions upon objects and those upon persons.
    """

    counts: np.ndarray
    probs: np.ndarray
    kinds: tuple[np.ndarray, np.ndarray, np.ndarray]


def ava_priors() -> Priors:
    """The frequencies of AVA v2.2. Every box has one pose: their sum is the number of boxes."""
    of_ids = read_class_counts(BUILTIN_COUNTS['ava_v2.2']).counts
    class_ids = np.array(sorted(of_ids))
    counts = np.array([of_ids[class_id] for class_id in class_ids])
    kind = np.digitize(class_ids, (LAST_POSE, LAST_OBJECT), right=True)
    kinds = tuple(np.flatnonzero(kind == index) for index in range(3))
    return Priors(counts, counts / counts[kinds[0]].sum(), kinds)


def class_quotas(priors: Priors, num_boxes: int) -> np.ndarray:
    """(C,) boxes of each class among N: N p_c, rounded so that the sums of the kinds stay."""
    quotas = np.zeros(len(priors.probs), np.int64)
    for columns in priors.kinds:
        expected = num_boxes * priors.probs[columns]
        quotas[columns] = expected
        missing = round(expected.sum()) - quotas[columns].sum()
        largest = np.argsort(-(expected % 1), kind='stable')[:missing]
        quotas[columns[largest]] += 1
    return quotas


def draw_targets(priors: Priors, num_boxes: int, rng: np.random.Generator) -> np.ndarray:
    """(N, C) uint8 labels with exactly the quotas of :func:`class_quotas`."""
    quotas, targets = class_quotas(priors, num_boxes), np.zeros((num_boxes, len(priors.probs)))
    poses, objects, persons = (np.repeat(part, quotas[part]) for part in priors.kinds)
    targets[rng.permutation(num_boxes), poses] = 1
    targets[rng.permutation(num_boxes)[: len(objects)], objects] = 1
    persons = rng.permutation(persons)
    first, second = persons[:num_boxes], persons[num_boxes:]
    targets[np.arange(num_boxes), first] = 1
    boxes = rng.permutation(num_boxes)[: len(second)]
    while len(twice := np.flatnonzero(first[boxes] == second)):  # a box has two *different* ones
        other = rng.integers(len(second), size=len(twice))
        for i, j in zip(twice, other):
            second[[i, j]] = second[[j, i]]
    targets[boxes, second] = 1
    return targets.astype(np.uint8)


def fill_up(
    priors: Priors, natural: np.ndarray, min_positives: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Further boxes of the classes that have fewer positives.

    Args:
        priors: The frequencies.
        natural: (N, C) boxes of the prior.
        min_positives: Positives that every class is to have.
        rng: For the boxes' other labels: those of natural boxes.

    Returns:
        (M, C) uint8 labels, and (M,) the column that each box fills up.
    """
    lacking = np.maximum(min_positives - natural.sum(axis=0, dtype=np.int64), 0)
    columns = np.repeat(np.arange(len(lacking)), lacking)
    targets = natural[rng.integers(len(natural), size=len(columns))].copy()
    for kind in priors.kinds:  # the label takes the place of those of its kind
        rows = np.isin(columns, kind)
        targets[np.ix_(rows, kind)] = 0
    targets[np.arange(len(columns)), columns] = 1
    return targets, columns
