from __future__ import annotations

import pytest
import torch

from mmlt.functional import average_precision, tau_normalize

WEIGHT = (
    torch.randn(5, 7, generator=torch.Generator().manual_seed(0)) * torch.arange(1.0, 6)[:, None]
)


def test_by_hand():
    weight = torch.tensor([[3.0, 4.0], [0.0, 16.0], [0.0, 0.0]])
    assert tau_normalize(weight, tau=0.5)[1].tolist() == [0, 4]
    halves = tau_normalize(weight, tau=1).tolist()
    assert halves == [pytest.approx([0.6, 0.8]), [0, 1], [0, 0]]


def _reference_classifier_balancing_pnorm(weight, tau):
    """The authors' pnorm: row by row, each by the power of its norm."""
    return torch.stack([row / row.square().sum().sqrt() ** tau for row in weight])


@pytest.mark.parametrize('tau', [0.0, 0.3, 1.0, 2.0])
def test_equals_the_authors_code(tau):
    expected = _reference_classifier_balancing_pnorm(WEIGHT, tau)
    torch.testing.assert_close(tau_normalize(WEIGHT, tau=tau), expected)


def test_tau_0_changes_nothing_and_copies():
    result = tau_normalize(WEIGHT, tau=0)
    assert torch.equal(result, WEIGHT)
    result.zero_()
    assert WEIGHT.abs().sum() > 0


def test_scale_does_not_matter_at_tau_1():
    factors = torch.tensor([0.1, 1, 2, 30, 5])[:, None]
    torch.testing.assert_close(tau_normalize(WEIGHT * factors, tau=1), tau_normalize(WEIGHT, tau=1))


def test_changes_no_ap_but_the_ranks_between_classes():
    generator = torch.Generator().manual_seed(1)
    features, bias = torch.randn(40, 7, generator=generator), torch.randn(5, generator=generator)
    targets = torch.randint(0, 2, (40, 5), generator=generator).numpy()
    before = features @ WEIGHT.T + bias
    after = features @ tau_normalize(WEIGHT, tau=0.7).T + bias
    assert (average_precision(before, targets) == average_precision(after, targets)).all()
    assert (before.argmax(dim=1) != after.argmax(dim=1)).any()


@pytest.mark.parametrize(
    ('weight', 'tau', 'message'),
    [
        (torch.zeros(3), 1, r'weight must be a \(C, D\) .* got shape \(3,\)'),
        (torch.zeros(3, 2, dtype=torch.int64), 1, r'got shape \(3, 2\) and dtype torch.int64'),
        (torch.tensor([[0, 1], [float('nan'), 0]]), 1, r'weight\[1, 0\] is nan: not finite'),
        (torch.ones(3, 2), -0.5, 'tau must be a number >= 0, got -0.5'),
    ],
)
def test_errors(weight, tau, message):
    with pytest.raises(ValueError, match=message):
        tau_normalize(weight, tau=tau)
