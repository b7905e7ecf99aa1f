"""Representation bias: how much accuracy a model loses when its frames are shuffled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def representation_bias(accuracy_original: float, accuracy_shuffled: float) -> float:
    r"""Log ratio between the accuracies on original and on shuffled inputs.

    .. math::
        B_D = \ln \frac{A(D, \phi_{original})}{A(D, \phi_{shuffle})}

    Large: the model needs the order of the frames. Near 0: it recognises by looks.

    Args:
        accuracy_original: Accuracy on clips in order, a fraction or in percent.
        accuracy_shuffled: Accuracy on clips with shuffled frames, in the same unit.

    Returns:
        The natural logarithm of the ratio; inf if only the shuffled accuracy is 0, -inf if only
        the original one is, NaN if both are.

    Raises:
        ValueError: if an accuracy is not a number in [0, 100].

    Reference:
        Hara, Ishikawa, Kataoka, "Rethinking Training Data for Mitigating Representation Biases in
        Action Recognition", CVPR Workshops 2021, equation 1.

    Differs from reference:
        The reference does not say what a ratio with a zero is.

    Example:
        >>> round(representation_bias(64.3, 32.7), 2)
        0.68
    """
    original = _check_accuracy('accuracy_original', accuracy_original)
    shuffled = _check_accuracy('accuracy_shuffled', accuracy_shuffled)
    if original == 0 and shuffled == 0:
        return math.nan
    if shuffled == 0:
        return math.inf
    if original == 0:
        return -math.inf
    return math.log(original / shuffled)


def representation_bias_std_error(accuracies_shuffled: Sequence[float]) -> float:
    r"""Standard error of the log ratio that the random choice of the shuffles leaves.

    With :math:`\bar a` the mean of K shuffled accuracies, the log ratio :math:`\ln(A / \bar a)`
    has, to first order, the standard error

    .. math::
        \frac{s}{\sqrt{K} \, \bar a}, \qquad
        s^2 = \frac{1}{K - 1} \sum_k (a_k - \bar a)^2

    It says nothing of the choice of the test videos or of the training run.

    Args:
        accuracies_shuffled: (K,) accuracies of the same videos, each with another shuffle.

    Returns:
        The standard error; NaN for K = 1, or if all accuracies are 0.

    Raises:
        ValueError: if it is no sequence or empty, or one is not a number in [0, 100].

    Reference:
        The delta method applied to Hara et al. 2021, equation 1.

    Differs from reference:
        the paper shuffles once and gives no error.

    Example:
        >>> round(representation_bias_std_error([0.4, 0.5, 0.6]), 4)
        0.1155
    """
    if np.isscalar(accuracies_shuffled) or accuracies_shuffled is None:
        raise ValueError(
            f'accuracies_shuffled is {accuracies_shuffled!r}: it must be a sequence of accuracies'
        )
    accuracies = [
        _check_accuracy(f'accuracies_shuffled[{index}]', value)
        for index, value in enumerate(accuracies_shuffled)
    ]
    if not accuracies:
        raise ValueError('accuracies_shuffled is empty: give at least one accuracy')
    mean = float(np.mean(accuracies))
    if len(accuracies) == 1 or mean == 0:
        return math.nan
    return float(np.std(accuracies, ddof=1)) / (math.sqrt(len(accuracies)) * mean)


def _check_accuracy(name: str, value: float) -> float:
    try:
        accuracy = float(value)
    except (TypeError, ValueError):
        accuracy = math.nan
    if not 0 <= accuracy <= 100:
        raise ValueError(f'{name} is {value!r}: it must be a fraction or a percentage in [0, 100]')
    return accuracy
