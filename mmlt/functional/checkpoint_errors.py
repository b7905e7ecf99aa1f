"""Saying which file it was when a checkpoint cannot be read."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# in the RuntimeErrors of a file that is cut off, and of another pickle
_DAMAGED = ('PytorchStreamReader', 'Invalid magic number')
_UNREADABLE = (pickle.UnpicklingError, EOFError, KeyError, UnicodeDecodeError, OSError)


@contextmanager
def naming_checkpoint(path: str | Path) -> Iterator[None]:
    """Turn what ``torch.load`` raises on text, other pickles and cut files into one error.

    Args:
        path: The file that is read inside.

    Raises:
        FileNotFoundError: As it was.
        ValueError: The file is no checkpoint, is cut off or holds what is not safe to load; names
            file and cause. Other errors, such as weights that do not fit a model, pass.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (*_UNREADABLE, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(text in str(error) for text in _DAMAGED):
            raise
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        raise ValueError(
            f'{path}: not a checkpoint that is safe to load, or cut off ({reason})'
        ) from None
