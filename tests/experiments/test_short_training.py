"""A training without a runner; what is trained is elsewhere."""

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from mmlt.experiments.short_training import train_and_choose

SGD = dict(type='SGD', lr=0.1)


class _Line(BaseModel):
    """y = w x, whose loss is its distance from 2 x."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, inputs, mode='tensor'):
        return {'loss': ((self.weight - 2) * inputs).square().mean()}


def _batches(number):
    for _ in range(number):
        yield {'inputs': torch.ones(4)}


def test_it_takes_as_many_batches_as_updates_and_no_more():
    batches = _batches(25)
    best = train_and_choose(_Line(), batches, SGD, 20, lambda model: 0.0)
    assert len(list(batches)) == 5
    assert (best.step, best.curve) == (2, [0.0] * 10)  # the first of equal ones


def test_it_leaves_the_best_weights():
    model, seen = _Line(), []

    def validate(model):
        seen.append(model.weight.item())
        return -abs(model.weight.item() - 1)

    best = train_and_choose(model, _batches(40), SGD, 40, validate)
    assert seen == sorted(seen) and seen[-1] > 1.5  # it goes on beyond the best
    assert model.weight.item() == min(seen, key=lambda weight: abs(weight - 1))
    assert best.curve[seen.index(model.weight.item())] == best.score
    assert best.step == 4 * (seen.index(model.weight.item()) + 1)


def test_the_optimiser_is_the_one_that_is_asked_for():
    model = _Line()
    model.weight.grad = None
    train_and_choose(
        model, _batches(10), dict(type='AdamW', lr=0.1, weight_decay=0.0), 10, lambda _: 0
    )
    # Adam's first step is the rate, here a half of it: 2 updates of warm-up
    assert model.weight.item() == pytest.approx(0.05, rel=1e-3)
