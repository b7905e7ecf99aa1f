"""The random state of one process: python, numpy, torch and, where it is in use, CUDA.

The state is made of tensors, lists, numbers and strings only, so that a weights-only ``torch.load``
reads it from a checkpoint.
"""

from __future__ import annotations

import random

import numpy as np
import torch


def capture_rng() -> dict:
    """Return the state of every global generator of this process.

    Returns:
        ``{'python', 'numpy', 'torch', 'cuda'}``. 'cuda' is the state of the current device, None as
        long as this process has not used CUDA.

    Example:
        >>> state = capture_rng()
        >>> first = random.random(), np.random.rand(), torch.rand(()).item()
        >>> restore_rng(state)
        >>> first == (random.random(), np.random.rand(), torch.rand(()).item())
        True
    """
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    return {
        'python': [version, torch.tensor(words), gauss],
        'numpy': [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        'torch': torch.get_rng_state(),
        'cuda': torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
    }


def restore_rng(state: dict) -> None:
    """Put every global generator back to a state of :func:`capture_rng`.

    Args:
        state: The state; its tensors may be on any device (mmengine loads checkpoints onto the
            training device, generators want theirs on the CPU).
    """
    version, words, gauss = state['python']
    random.setstate((version, tuple(words.tolist()), gauss))
    name, keys, position, has_gauss, cached = state['numpy']
    keys = keys.cpu().numpy().astype(np.uint32)
    np.random.set_state((name, keys, position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(state['torch'].cpu())
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())


def seed_rng(*key: int) -> None:
    """Seed every global generator from a tuple of numbers >= 0, well mixed.

    Neighbouring keys give unrelated streams, and the three libraries get different seeds.

    Example:
        >>> seed_rng(42, 0, 1)
        >>> first = random.random()
        >>> seed_rng(42, 1, 0)
        >>> first == random.random()
        False
    """
    words = np.random.SeedSequence(key).generate_state(4, np.uint64)
    random.seed(int(words[0]))
    np.random.seed(words[1:3].view(np.uint32))  # noqa: NPY002
    torch.manual_seed(int(words[3]))


def seeded_generator(*key: int) -> torch.Generator:
    """Return a CPU generator of its own, seeded from a tuple of numbers >= 0."""
    generator = torch.Generator()
    generator.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))
    return generator
