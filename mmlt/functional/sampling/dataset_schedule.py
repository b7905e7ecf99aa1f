"""Which of several datasets each training step takes its batch from.

D datasets.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence

import numpy as np

from mmlt.functional.checks import check_choice, check_integer

#: How :func:`dataset_schedule` orders the steps.
STRATEGIES = ('weighted', 'alternating', 'temperature', 'sequential')


def dataset_schedule(
    sizes: Sequence[int],
    batch_sizes: Sequence[int],
    *,
    strategy: str,
    seed: int,
    epoch: int,
    alpha: float = 1.0,
) -> np.ndarray:
    r"""One dataset a step, for all steps of an epoch.

    An epoch has as many steps as all datasets together fill with batches,
    :math:`S = \sum_d \lceil n_d / b_d \rceil`, whatever the strategy:

    - 'weighted': :math:`\lceil n_d / b_d \rceil` steps of dataset d, all in random order;
    - 'alternating': one dataset after the other, step s takes dataset s mod D;
    - 'temperature': :math:`S_d \propto n_d^\alpha / b_d` steps, so that the samples drawn of a
      dataset go as :math:`n_d^\alpha`, in random order. Rounded to whole steps by largest
      remainders, at least one each; 0 draws as many samples of each dataset, 1 is 'weighted';
    - 'sequential': the steps of 'weighted', first all of the first dataset, then of the second.

    The result depends on the arguments alone, so that every rank finds the same.

    Args:
        sizes: (D,) samples of each dataset, at least 1.
        batch_sizes: (D,) samples of a step, over all ranks, at least 1.
        strategy: One of the four.
        seed: Of the random order, at least 0.
        epoch: Number of the epoch, at least 0; each has an order of its own.
        alpha: Exponent of 'temperature', at least 0; the others do not ask for it.

    Returns:
        (S,) int64, the dataset of each step.

    Raises:
        ValueError: A bad value, named.

    Reference:
        Arnab et al., "Beyond Transfer Learning: Co-finetuning for Action Localisation", 2022,
        section 3.2.1; 'sequential' is the thought experiment of section 3.2.2.

    Differs from reference: "with a probability proportional to the number of examples" is made
    exact, a permutation instead of independent draws, so that an epoch is a pass over each dataset.

    Example:
        >>> schedule = dataset_schedule([40, 8], [4, 4], strategy='weighted', seed=0, epoch=0)
        >>> np.bincount(schedule).tolist()
        [10, 2]
        >>> dataset_schedule([4, 8], [4, 4], strategy='sequential', seed=0, epoch=0).tolist()
        [0, 1, 1]
    """
    check_choice('strategy', strategy, STRATEGIES)
    sizes, batch_sizes = _check_sizes('sizes', sizes), _check_sizes('batch_sizes', batch_sizes)
    if len(sizes) != len(batch_sizes):
        raise ValueError(f'sizes has {len(sizes)} values, batch_sizes {len(batch_sizes)}')
    key = [check_integer('seed', seed, 0), check_integer('epoch', epoch, 0)]
    counts = _step_counts(sizes, batch_sizes, strategy, _check_alpha(alpha))
    if strategy == 'alternating':
        return np.arange(counts.sum()) % len(sizes)
    steps = np.repeat(np.arange(len(sizes)), counts)
    return steps if strategy == 'sequential' else np.random.default_rng(key).permutation(steps)


def _step_counts(
    sizes: np.ndarray, batch_sizes: np.ndarray, strategy: str, alpha: float
) -> np.ndarray:
    """Steps of each dataset, (D,) int64 (of 'alternating' their sum alone counts)."""
    counts = -(-sizes // batch_sizes)
    if strategy != 'temperature' or alpha == 1:
        return counts
    weights = (sizes / sizes.max()) ** alpha / batch_sizes
    shares = counts.sum() * weights / weights.sum()
    steps = np.maximum(np.floor(shares), 1).astype(np.int64)
    while steps.sum() > counts.sum():  # a share below one step was raised to one: others give
        steps[np.argmax(np.where(steps > 1, steps - shares, -np.inf))] -= 1
    missing = int(counts.sum() - steps.sum())
    steps[np.argsort(steps - shares, kind='stable')[:missing]] += 1
    return steps


def _check_sizes(name: str, values: Sequence[int]) -> np.ndarray:
    if not len(values):
        raise ValueError(f'{name} is empty: name at least one dataset')
    checked = [check_integer(f'{name}[{i}]', value, 1) for i, value in enumerate(values)]
    return np.array(checked, dtype=np.int64)


def _check_alpha(alpha: float) -> float:
    is_number = isinstance(alpha, numbers.Real) and not isinstance(alpha, bool)
    if not is_number or not 0 <= alpha < float('inf'):
        raise ValueError(f'alpha must be a number of at least 0, got {alpha!r}')
    return float(alpha)
