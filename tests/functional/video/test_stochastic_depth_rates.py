from __future__ import annotations

import pytest

from mmlt.functional import stochastic_depth_rates


def test_linear_from_nothing_to_the_rate():
    assert stochastic_depth_rates(0.2, 5) == pytest.approx((0, 0.05, 0.1, 0.15, 0.2), abs=1e-15)
    assert stochastic_depth_rates(0.3, 2) == (0, 0.3)
    assert stochastic_depth_rates(0, 3) == (0, 0, 0)


def test_a_single_layer_is_never_dropped():
    """scenic divides by max(L - 1, 1)."""
    assert stochastic_depth_rates(0.9, 1) == (0,)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((-0.1, 2), r'drop_path_rate must be a number in \[0, 1\], got -0.1'),
        ((1.5, 2), r'drop_path_rate must be a number in \[0, 1\], got 1.5'),
        ((0.1, 0), 'depth must be an integer of at least 1, got 0'),
    ],
)
def test_what_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        stochastic_depth_rates(*arguments)
