from __future__ import annotations

from pathlib import Path

import mmengine.optim  # noqa: F401 (registers mmengine's schedulers)
import numpy as np
import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS

from mmlt.weights_only import load_weights_only

SCENIC = np.load(Path(__file__).parents[1] / 'data' / 'scenic_lr.npz')
EPOCHS, EPOCH_LENGTH = int(SCENIC['epochs']), int(SCENIC['steps_per_epoch'])
STEPS = EPOCHS * EPOCH_LENGTH
BASE_LR = float(SCENIC['base_lr'])
IN_EPOCHS = dict(
    type='mmlt.LinearWarmupCosineAnnealingLR',
    warmup=float(SCENIC['warmup_epochs']),
    end=EPOCHS,
    convert_to_iter_based=True,
)
BY_ITERATION = dict(
    type='mmlt.LinearWarmupCosineAnnealingLR', warmup=100, end=STEPS, by_epoch=False
)


def _build(*configs, lr=BASE_LR, epoch_length=EPOCH_LENGTH):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    default = dict(optimizer=optimizer, epoch_length=epoch_length)
    return optimizer, [PARAM_SCHEDULERS.build(dict(each), default_args=default) for each in configs]


def _rates(optimizer, schedulers, steps):
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


def test_hand_computed():
    # half of the warm-up, its end, then the cosine of a third and of two thirds of pi
    config = dict(
        type='mmlt.LinearWarmupCosineAnnealingLR', warmup=2, begin=1, end=6, by_epoch=False
    )
    rates = _rates(*_build(config, lr=4.0), 7)
    assert rates == pytest.approx([4, 0, 2, 4, 3, 1, 1])  # begin to end - 1, then left alone


@pytest.mark.parametrize('config', [IN_EPOCHS, BY_ITERATION], ids=['in epochs', 'by iteration'])
def test_equal_to_scenic(config):
    rates = _rates(*_build(config), STEPS)
    assert rates[0] == 0.0
    np.testing.assert_allclose(rates, SCENIC['lr'][:STEPS], rtol=1e-6, atol=1e-7)  # from float32


def test_mmengines_two_schedules_are_it_by_iteration_but_not_in_epochs():
    warmup = dict(type='LinearLR', start_factor=1e-8, begin=0, end=101, by_epoch=False)
    cosine = dict(type='CosineAnnealingLR', begin=100, end=STEPS, by_epoch=False)
    rates = _rates(*_build(warmup, cosine), STEPS)
    np.testing.assert_allclose(rates, SCENIC['lr'][:STEPS], atol=1e-7)
    warmup = dict(type='LinearLR', start_factor=1e-8, end=2.5, convert_to_iter_based=True)
    cosine = dict(type='CosineAnnealingLR', begin=2.5, end=15, convert_to_iter_based=True)
    rates = np.array(_rates(*_build(warmup, cosine), STEPS))
    np.testing.assert_allclose(rates[1:100] / SCENIC['lr'][1:100], 100 / 99, rtol=1e-4)
    np.testing.assert_allclose(rates[100:], SCENIC['lr'][100:STEPS], atol=1e-7)


def test_whole_iterations_of_an_uneven_epoch():
    _, (scheduler,) = _build(dict(IN_EPOCHS, end=3), epoch_length=41)
    assert (scheduler.warmup, scheduler.end, scheduler.by_epoch) == (102, 123, False)


@pytest.mark.parametrize('step', [1, 60, 100, 333])
def test_resumed_equals_uninterrupted(step, tmp_path):
    expected = _rates(*_build(IN_EPOCHS), STEPS)
    optimizer, schedulers = _build(IN_EPOCHS)
    _rates(optimizer, schedulers, step)
    torch.save([optimizer.state_dict(), schedulers[0].state_dict()], tmp_path / 'state.pth')
    states = load_weights_only(tmp_path / 'state.pth')
    optimizer, schedulers = _build(IN_EPOCHS)
    optimizer.load_state_dict(states[0])
    schedulers[0].load_state_dict(states[1])
    assert _rates(optimizer, schedulers, STEPS - step) == expected[step:]


def test_each_group_has_its_own_rate_and_no_warm_up_starts_at_it():
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [dict(params=parameters[:1], lr=1.0), dict(params=parameters[1:], lr=3.0)]
    optimizer = torch.optim.SGD(groups)
    config = dict(BY_ITERATION, warmup=0, end=2)
    scheduler = PARAM_SCHEDULERS.build(config, default_args=dict(optimizer=optimizer))
    assert scheduler.get_last_value() == [1.0, 3.0]
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_value() == pytest.approx([0.5, 1.5])


@pytest.mark.parametrize('warmup', [-1, 600])
def test_bad_warm_ups(warmup):
    with pytest.raises(ValueError, match=f'less than the 600 steps of the schedule, got {warmup}'):
        _build(dict(BY_ITERATION, warmup=warmup))
