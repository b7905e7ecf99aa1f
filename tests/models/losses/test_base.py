"""What all losses have in common, for each of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.fileio.class_counts import read_class_counts
from mmlt.models.losses._base import column_counts
from mmlt.registry import MODELS

COUNTS = [500, 40, 3]
LOSSES = {
    'BCELoss': {},
    'FocalLoss': {},
    'ClassBalancedLoss': {'class_counts': COUNTS},
    'LDAMLoss': {'class_counts': COUNTS},
    'EqualizationLoss': {'class_counts': COUNTS, 'tail_max': 10, 'drop_prob': 0.5},
    'EQLv2Loss': {'num_classes': 3},
    'DistributionBalancedLoss': {'class_counts': COUNTS},
    'AsymmetricLoss': {},
    'LogitAdjustedLoss': {'class_counts': COUNTS},
}
BOUND_TO_CLASSES = sorted(set(LOSSES) - {'BCELoss', 'FocalLoss', 'AsymmetricLoss'})


def _build(name, **options):
    with DefaultScope.overwrite_default_scope('mmaction'):
        return MODELS.build({'type': f'mmlt.{name}', **LOSSES[name], **options})


def _batch(num_rows=6):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(num_rows, 3, generator=generator, requires_grad=True)
    return logits, torch.randint(0, 2, (num_rows, 3), generator=generator)


def _call(loss, *arguments):
    torch.manual_seed(0)  # of the draws that one of them makes
    return loss(*arguments)


@pytest.mark.parametrize('name', LOSSES)
def test_the_mean_counts_masked_elements(name):
    logits, targets = _batch()
    mask = torch.tensor([1.0, 0, 1, 1, 0, 1])[:, None]
    elements = torch.stack(
        [
            _call(_build(name), logits, targets, torch.eye(18)[index].reshape(6, 3))
            for index in range(18)
        ]
    ).reshape(6, 3)
    assert (elements >= 0).all() and (elements > 0).any()
    whole = _call(_build(name), logits, targets)
    assert whole.ndim == 0
    torch.testing.assert_close(whole, elements.sum())
    for weight in (mask, mask.expand(6, 3)):
        torch.testing.assert_close(
            _call(_build(name), logits, targets, weight), (elements * mask).sum()
        )


@pytest.mark.parametrize('name', LOSSES)
def test_loss_weight(name):
    plain, tripled = (_call(_build(name, loss_weight=x), *_batch()) for x in (1.0, 3.0))
    torch.testing.assert_close(tripled, 3 * plain)


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize(('reduction', 'factor'), [('mean', 1), ('batchmean', 3), ('sum', 18)])
def test_reduction(name, reduction, factor):
    of_all = _call(_build(name), *_batch())
    torch.testing.assert_close(_call(_build(name, reduction=reduction), *_batch()), factor * of_all)


def test_reduction_as_torch_has_it():
    logits, targets = _batch()
    for reduction, expected in [
        ('mean', binary_cross_entropy_with_logits(logits, targets.float())),
        ('batchmean', binary_cross_entropy_with_logits(logits, targets.float()) * 3),
        ('sum', binary_cross_entropy_with_logits(logits, targets.float(), reduction='sum')),
    ]:
        found = _build('BCELoss', reduction=reduction)(logits, targets)
        torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match="reduction must be one of mean, batchmean, sum, got 'no'"):
        _build('BCELoss', reduction='no')


@pytest.mark.parametrize('name', LOSSES)
def test_an_empty_batch_has_no_loss_but_a_graph(name):
    logits = torch.zeros(0, 3, requires_grad=True)
    loss = _build(name)(logits, torch.zeros(0, 3), torch.zeros(0, 1))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (0, 3)


@pytest.mark.parametrize('name', LOSSES)
def test_a_masked_batch_has_no_loss_but_a_graph(name):
    logits, targets = _batch()
    loss = _build(name)(logits, targets, torch.zeros(6, 1))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(6, 3))


@pytest.mark.parametrize('name', LOSSES)
def test_half_precision_is_computed_in_single(name):
    logits, targets = _batch()
    logits = logits.detach().bfloat16()
    loss = _call(_build(name), logits, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, _call(_build(name), logits.float(), targets))


@pytest.mark.parametrize('name', LOSSES)
def test_only_what_training_gathers_is_in_the_state_dict(name):
    expected = {'pos_grad', 'neg_grad'} if name == 'EQLv2Loss' else set()
    assert set(_build(name).state_dict()) == expected


@pytest.mark.parametrize('name', LOSSES)
def test_shapes_that_differ(name):
    loss = _build(name)
    with pytest.raises(ValueError, match=r'must both have shape \(N, C\), got \(6, 3\) and \(6,'):
        loss(torch.zeros(6, 3), torch.zeros(6, 2))
    message = r'weight must have shape \(6, 3\) or \(6, 1\), got \(6,\)'
    with pytest.raises(ValueError, match=message):
        loss(*_batch(), torch.ones(6))


@pytest.mark.parametrize('name', BOUND_TO_CLASSES)
@pytest.mark.parametrize('num_rows', [0, 2])
def test_another_number_of_columns(name, num_rows):
    with pytest.raises(ValueError, match='logits have 4 columns, the loss was made for 3 classes'):
        _build(name)(torch.zeros(num_rows, 4), torch.zeros(num_rows, 4))


def test_bce_equals_torch():
    logits, targets = _batch()
    expected = binary_cross_entropy_with_logits(logits, targets.float())
    torch.testing.assert_close(_build('BCELoss')(logits, targets), expected)


# ---------------------------------------------------------------------- counts of the columns


@pytest.fixture
def counts_file(tmp_path):
    classes = [{'id': i, 'name': f'class {i}', 'count': n} for i, n in ((7, 70), (0, 5), (3, 30))]
    path = tmp_path / 'counts.json'
    path.write_text(json.dumps({'classes': classes}))
    return path


def test_counts_of_a_file(counts_file):
    assert column_counts(str(counts_file)).tolist() == [5, 30, 70]
    assert column_counts(counts_file, [7, 3]).tolist() == [70, 30]


def test_counts_of_a_list():
    assert column_counts([4, 0, 2]).tolist() == [4, 0, 2]
    assert column_counts(np.array([4, 2]), [10, 11]).tolist() == [4, 2]


def test_counts_that_ship_with_the_package():
    count_of = read_class_counts('ava_v2.2').counts
    assert column_counts('ava_v2.2', [80, 12]).tolist() == [count_of[80], count_of[12]]
    assert column_counts('ava_v2.2').tolist() == [count_of[i] for i in sorted(count_of)]


@pytest.mark.parametrize(
    ('class_counts', 'class_ids', 'message'),
    [
        ([1, 2], [1, 2, 3], 'class_counts holds 2 counts, class_ids 3 ids'),
        ([1, 2.5], None, r'class_counts\[1\] is 2.5'),
        ([1, 2], [4, 4], 'class_ids holds 4 more than once'),
        (None, [7, 1, 2], r'counts\.json: no count for class 1, 2, which class_ids names'),
    ],
)
def test_bad_counts(class_counts, class_ids, message, counts_file):
    with pytest.raises(ValueError, match=message):
        column_counts(class_counts or str(counts_file), class_ids)


def test_no_such_counts():
    with pytest.raises(FileNotFoundError, match=r'no_such\.json.*ava_v2\.2'):
        column_counts('no_such.json')
