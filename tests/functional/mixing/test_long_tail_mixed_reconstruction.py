from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmlt.functional import (
    long_tail_mixed_reconstruction,
    reconstruct_features,
    reconstruction_contributions,
)

COUNTS = [3, 15, 90, 2000]


def _reference_contributions(counts, decay, epsilon, top):
    """Equations 1 and 2 of Perrett et al., class by class."""
    inverse = [1 / math.log(count * decay + epsilon) for count in counts]
    spread = max(inverse) - min(inverse)
    return [(value - min(inverse)) / spread * top for value in inverse]


def _reference_reconstruction(features, contributions, few_shot):
    """Equations 3 to 5, sample by sample; samples that are excluded have weight 0."""
    num_rows, num_channels = features.shape
    centred = features - features.mean(1, keepdim=True)
    normalized = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    rows = []
    for i in range(num_rows):
        keys = [j for j in range(num_rows) if j != i and not few_shot[j]]
        weights = [math.exp(float(normalized[i] @ normalized[j]) / num_channels) for j in keys]
        rebuilt = sum(w * features[j] for w, j in zip(weights, keys)) / sum(weights)
        rows.append(contributions[i] * rebuilt + (1 - contributions[i]) * features[i])
    return torch.stack(rows)


def _features(num_rows=6, num_channels=5, **options):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num_rows, num_channels, generator=generator, dtype=torch.float64, **options)


def _mix(features, targets, counts=COUNTS, contributions=None, **options):
    if contributions is None:
        contributions = torch.tensor([0.6, 0.3, 0.1, 0.0])
    num_rows = len(features)
    options = {
        'few_shot_max': 20,
        'own_share': torch.ones(num_rows),
        'partner': torch.arange(num_rows),
        **options,
    }
    return long_tail_mixed_reconstruction(
        features, targets, torch.as_tensor(counts), contributions, **options
    )


def test_contributions_by_hand():
    # logarithms ln 2 times 1, 2 and 4; their inverses are 3/4, 1/4 and 0 above the least
    found = reconstruction_contributions([2, 4, 16], decay=1, epsilon=0, max_contribution=0.6)
    np.testing.assert_allclose(found, [0.6, 0.2, 0.0], rtol=1e-12)


@pytest.mark.parametrize('arguments', [(0.25, 1.25, 0.6), (1.0, 0.1, 0.5)])
def test_contributions_equal_the_equations(arguments):
    decay, epsilon, top = arguments
    found = reconstruction_contributions(COUNTS, decay=decay, epsilon=epsilon, max_contribution=top)
    np.testing.assert_allclose(
        found, _reference_contributions(COUNTS, decay, epsilon, top), rtol=1e-12
    )
    assert (np.diff(found) < 0).all()


def test_classes_of_one_size_are_not_rebuilt():
    assert reconstruction_contributions([7, 7]).tolist() == [0, 0]


def test_reconstruction_by_hand():
    # to the first row the second and third are alike; the fourth is few-shot
    features = torch.tensor([[1.0, -1.0], [0.0, 4.0], [2.0, 8.0], [9.0, 9.0]])
    few_shot = torch.tensor([True, False, False, True])
    found = reconstruct_features(features, torch.tensor([0.5, 0.0, 0.0, 0.0]), few_shot)
    # half of itself, half of the mean (1, 6)
    torch.testing.assert_close(found[0], torch.tensor([1.0, 2.5]))
    assert torch.equal(found[1:], features[1:])


def test_reconstruction_equals_the_equations():
    features = _features()
    contributions = torch.linspace(0, 1, 6, dtype=torch.float64)
    few_shot = torch.tensor([True, False, False, True, False, True])
    found = reconstruct_features(features, contributions, few_shot)
    expected = _reference_reconstruction(features, contributions, few_shot)
    torch.testing.assert_close(found, expected)


def test_where_all_are_few_shot_the_sum_is_over_all():
    features = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    found = reconstruct_features(features, torch.ones(2), torch.tensor([True, True]))
    weight = 1 / (1 + math.exp(-2))  # similarities 1 and -1
    expected = torch.tensor([[2 * weight - 1, 1 - 2 * weight]])
    # similarities are left with two digits beside the 1e5
    torch.testing.assert_close(found[:1], expected, atol=0.01, rtol=0)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_excludes_too(dtype):
    features = _features().to(dtype)
    few_shot = torch.tensor([True, False, False, True, False, True])
    found = reconstruct_features(features, torch.ones(6), few_shot)
    expected = _reference_reconstruction(features.double(), torch.ones(6), few_shot)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, atol=0.05, rtol=0)


def test_mixing_by_hand():
    features = torch.tensor([[1.0, 3.0], [5.0, 1.0]])
    targets = torch.tensor([[0.0, 0, 1, 0], [0, 0, 0, 1.0]])
    options = dict(own_share=torch.tensor([0.75, 1.0]), partner=torch.tensor([1, 0]))
    mixed, labels = _mix(features, targets, contributions=torch.zeros(4), **options)
    torch.testing.assert_close(mixed, torch.tensor([[2.0, 2.5], [5.0, 1.0]]))
    assert labels.tolist() == [[0, 0, 0.75, 0.25], [0, 0, 0, 1]]


def test_the_rarest_of_several_labels_decides():
    features = _features(4)
    targets = torch.tensor([[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1.0]])
    contributions = torch.tensor([0.6, 0.3, 0.1, 0.0], dtype=torch.float64)
    found, labels = _mix(features, targets, contributions=contributions)
    expected = _reference_reconstruction(
        features, contributions[[0, 2, 1, 3]], [True, False, True, False]
    )
    torch.testing.assert_close(found, expected)
    assert torch.equal(labels, targets)


def test_a_sample_without_label_stays_and_is_rebuilt_from():
    features = _features(3)
    targets = torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0.0]])
    found, _ = _mix(features, targets, contributions=torch.tensor([0.6, 0.3, 0.1, 0.2]))
    torch.testing.assert_close(found[0], 0.6 * features[1] + 0.4 * features[0])
    assert torch.equal(found[1], features[1])


def test_few_shot_includes_its_limit():
    features, targets = _features(4), torch.eye(4)[[0, 1, 3, 3]]
    contributions = torch.tensor([0.6, 0.3, 0.1, 0.0], dtype=torch.float64)
    for limit, few_shot in ((14, [True, False, False, False]), (15, [True, True, False, False])):
        found, _ = _mix(features, targets, contributions=contributions, few_shot_max=limit)
        expected = _reference_reconstruction(features, contributions[[0, 1, 3, 3]], few_shot)
        torch.testing.assert_close(found, expected)


def test_permuting_the_batch_permutes_the_result():
    features, targets = _features(), torch.eye(4)[[0, 1, 2, 3, 3, 0]]
    options = dict(own_share=torch.linspace(0, 1, 6), partner=torch.tensor([1, 0, 5, 5, 2, 4]))
    order = torch.tensor([3, 5, 0, 1, 4, 2])
    place = order.argsort()
    once = _mix(features, targets, **options)
    again = _mix(
        features[order],
        targets[order],
        own_share=options['own_share'][order],
        partner=place[options['partner'][order]],
    )
    for first, second in zip(once, again):
        torch.testing.assert_close(first[order], second)


def test_gradients():
    targets = torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3]]
    options = dict(own_share=torch.tensor([0.2, 1, 0.5, 1]), partner=torch.tensor([1, 3, 3, 0]))
    assert torch.autograd.gradcheck(
        lambda features: _mix(features, targets, **options)[0], _features(4, requires_grad=True)
    )


def test_an_empty_batch():
    features, labels = _mix(torch.zeros(0, 5), torch.zeros(0, 4))
    assert features.shape == (0, 5) and labels.shape == (0, 4)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda: reconstruction_contributions([0, 9], epsilon=1.0),
            r'class_counts\[0\] is 0: its logarithm, of 1 = count \* decay \+ epsilon, is not pos',
        ),
        (lambda: reconstruction_contributions([-1]), r'class_counts\[0\] is -1'),
        (
            lambda: reconstruction_contributions([9], max_contribution=2),
            r'max_contribution must be a number in \[0, 1',
        ),
        (lambda: reconstruction_contributions([9], decay=-1), 'decay must be a number >= 0'),
        (
            lambda: reconstruct_features(torch.ones(2, 3), torch.ones(2), torch.ones(3)),
            r'contributions and few_shot \(B,\), got \(2, 3\), \(2,\), \(3,\)',
        ),
        (lambda: _mix(torch.ones(2, 3), torch.ones(3, 4)), r'targets must be .* got \(3, 4\)'),
        (
            lambda: _mix(torch.ones(2, 3), torch.ones(2, 4), own_share=torch.ones(3)),
            r'own_share must have shape \(2,\), got \(3,\)',
        ),
        (
            lambda: _mix(torch.ones(2, 3), torch.ones(2, 4), partner=torch.tensor([0, 2])),
            r'partner must lie in \[0, 2\), got \[0, 2\]',
        ),
        (
            lambda: _mix(torch.ones(2, 3), torch.ones(2, 3)),
            r'class_counts must have shape \(3,\), one value a class, got \(4,\)',
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
