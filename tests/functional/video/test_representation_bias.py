"""The log ratio of the accuracies on original and shuffled inputs, and its standard error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmlt.functional import representation_bias, representation_bias_std_error

# Hara et al. 2021, Table 1: original, shuffled, log ratio.
TABLE_1 = {
    'Kinetics-400': (64.3, 32.7, 0.68),
    'Moments in Time': (27.1, 14.2, 0.65),
    'ActivityNet': (33.4, 29.6, 0.12),
    'UCF-101': (45.3, 32.0, 0.35),
    'HMDB-51': (19.4, 11.0, 0.56),
    'Something v2': (44.3, 2.3, 2.95),
    'Jester': (92.0, 20.1, 1.52),
    'Gym288': (71.7, 3.9, 2.92),
    'Diving48': (15.1, 4.2, 1.29),
}


def test_hand_computed():
    assert representation_bias(0.8, 0.2) == pytest.approx(2 * math.log(2), abs=1e-15)
    assert representation_bias(0.2, 0.8) == pytest.approx(-2 * math.log(2), abs=1e-15)
    assert representation_bias(0.5, 0.5) == 0


@pytest.mark.parametrize('name', TABLE_1)
def test_the_papers_table(name):
    original, shuffled, ratio = TABLE_1[name]
    # both accuracies are rounded to .05, the ratio to .005
    tolerance = 0.005 + 0.05 / original + 0.05 / shuffled
    assert abs(representation_bias(original, shuffled) - ratio) <= tolerance


def test_zeros():
    assert representation_bias(0.5, 0) == math.inf
    assert representation_bias(0, 0.5) == -math.inf
    assert math.isnan(representation_bias(0, 0))


def test_percent_and_fractions_agree():
    assert representation_bias(64.3, 32.7) == pytest.approx(
        representation_bias(0.643, 0.327), abs=1e-12
    )


def test_returns_a_plain_float():
    assert type(representation_bias(np.float32(0.5), np.float64(0.25))) is float
    assert type(representation_bias_std_error(np.array([0.5, 0.25]))) is float


def test_std_error_hand_computed():
    # mean .5, variance (.01 + 0 + .01) / 2 = .01, s = .1: .1 / (sqrt(3) * .5)
    assert representation_bias_std_error([0.4, 0.5, 0.6]) == pytest.approx(0.2 / math.sqrt(3))
    assert representation_bias_std_error([0.5, 0.5]) == 0


def test_std_error_undefined():
    assert math.isnan(representation_bias_std_error([0.5]))
    assert math.isnan(representation_bias_std_error([0, 0]))


def test_std_error_does_not_depend_on_unit_or_order():
    accuracies = [0.31, 0.27, 0.35, 0.3]
    expected = representation_bias_std_error(accuracies)
    assert representation_bias_std_error(accuracies[::-1]) == pytest.approx(expected)
    percent = [100 * value for value in accuracies]
    assert representation_bias_std_error(percent) == pytest.approx(expected)


def test_std_error_is_the_spread_of_the_log_ratio():
    """Against a simulation: the log ratio from K shuffles, drawn many times over."""
    rng = np.random.default_rng(0)
    drawn = rng.binomial(200, 0.3, (20_000, 5)) / 200
    spread = np.std([representation_bias(0.9, mean) for mean in drawn.mean(axis=1)])
    mean_error = np.sqrt(np.mean([representation_bias_std_error(row) ** 2 for row in drawn[:2000]]))
    assert mean_error == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize('value', [-0.1, 100.5, math.nan, math.inf, None, 'high', [0.5]])
def test_what_is_not_an_accuracy(value):
    with pytest.raises(ValueError, match=r'accuracy_original is .*in \[0, 100\]'):
        representation_bias(value, 0.5)
    with pytest.raises(ValueError, match='accuracy_shuffled is'):
        representation_bias(0.5, value)
    with pytest.raises(ValueError, match=r'accuracies_shuffled\[1\] is'):
        representation_bias_std_error([0.5, value])


def test_no_accuracy():
    with pytest.raises(ValueError, match='accuracies_shuffled is empty'):
        representation_bias_std_error([])
    with pytest.raises(ValueError, match=r'accuracies_shuffled is 0\.5: it must be a sequence'):
        representation_bias_std_error(0.5)
