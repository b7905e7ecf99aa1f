"""What one of two ranks does: 100 steps that leave a head out, then an update of two datasets."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch
from mmengine.optim import OptimWrapper


def _load_training():
    path = Path(__file__).with_name('cofinetune_training.py')
    spec = importlib.util.spec_from_file_location('cofinetune_training_of_rank', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _state(runner):
    """Of each parameter of a head: gradient, momentum and value."""
    state = runner.optim_wrapper.optimizer.state
    return {
        name: {
            'gradient': parameter.grad,
            'momentum': state[parameter].get('momentum_buffer') if parameter in state else None,
            'value': parameter.detach().clone(),
        }
        for name, parameter in runner.model.module.named_parameters()
    }


def main(rank: int, folder: str) -> None:
    os.environ['LOCAL_RANK'] = str(rank)  # mmengine asks a launcher's
    training = _load_training()
    folder = Path(folder)
    options = {'schedule': {'strategy': 'sequential'}, 'epochs': 1, 'launcher': 'pytorch'}
    # 800 samples are 100 steps of 4 on each of two ranks
    runner = training.build_runner(
        folder / 'unsampled', sizes={'k400': 800, 'ava': 16}, kill={'at': 100}, **options
    )
    start = {n: p.detach().clone() for n, p in runner.model.module.named_parameters()}
    runner.model.module.init_weights = lambda: None  # the start stays that of `start`
    try:
        runner.train()
    except training.Killed:
        pass
    steps = runner.iter
    torch.save({'steps': steps, 'start': start, 'end': _state(runner)}, folder / f'left{rank}.pth')

    # accumulation: the first batch is of one dataset (no exchange), the second of the other
    runner = training.build_runner(
        folder / 'both', sizes={'k400': 8, 'ava': 8}, accumulative_counts=2, **options
    )
    noted, step = {}, OptimWrapper.step

    def note_and_step(wrapper, **kwargs):
        for name, parameter in runner.model.module.named_parameters():
            noted[name] = None if parameter.grad is None else parameter.grad.clone()
        step(wrapper, **kwargs)

    OptimWrapper.step = note_and_step
    runner.train()
    OptimWrapper.step = step
    torch.save(noted, folder / f'gradients{rank}.pth')
