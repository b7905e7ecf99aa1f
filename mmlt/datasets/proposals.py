"""Person boxes from a proposal file, without trusting the file."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

# What a pickled dict of numpy arrays is made of, under the names of numpy 1 and numpy 2, and of
# pickles written by Python 2. Nothing here can call anything of the file's choice.
_NUMPY = {
    ('numpy', 'dtype'),
    ('numpy', 'ndarray'),
    ('_codecs', 'encode'),
    *(
        (f'numpy.{core}.{module}', name)
        for core in ('core', '_core')
        for module, name in (
            ('multiarray', '_reconstruct'),
            ('multiarray', 'scalar'),
            ('numeric', '_frombuffer'),
        )
    ),
}
_DTYPES = {type(np.dtype(code)).__name__ for code in '?' + np.typecodes['AllInteger'] + 'efdg'}
_BUILTINS = ('bool', 'bytearray', 'bytes', 'complex', 'dict', 'float', 'frozenset', 'int', 'list')
_BUILTINS += ('set', 'slice', 'str', 'tuple')


class _ArrayUnpickler(pickle.Unpickler):
    """Reads numpy arrays and builtin containers, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        # Only whole names from these lists: pickle would follow the dots of a longer one anywhere.
        if (
            (module in ('builtins', '__builtin__') and name in _BUILTINS)
            or (module == 'numpy.dtypes' and name in _DTYPES)
            or (module, name) in _NUMPY
        ):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f'it holds {module}.{name}')


def read_proposals(path: str | Path) -> dict[str, np.ndarray]:
    """Read a proposal file: a pickled dict of keyframe ``'video,0902'`` -> boxes.

    Args:
        path: The file.

    Returns:
        The dict; each value is (n, 4) or (n, 5), ``x1 y1 x2 y2 [score]`` in fractions of the
        frame. Keyframes with n = 0 are left out.

    Raises:
        ValueError: The file is not a plain dict of arrays, or an array has another shape, a
            value that is not finite, or a box with x1 > x2, y1 > y2 or corners outside [0, 1].
            Names file and key.
    """
    try:
        with open(path, 'rb') as file:
            content = _ArrayUnpickler(file, encoding='latin1').load()
    except OSError:
        raise
    except Exception as error:  # a broken pickle can raise anything
        raise ValueError(f'{path}: not a pickle of a plain dict of arrays: {error}') from None
    if not isinstance(content, dict):
        raise ValueError(f'{path}: not a dict of arrays but {type(content).__name__}')
    proposals = {}
    for key, value in content.items():
        boxes = _checked_boxes(f'{path}: {key!r}', key, value)
        if len(boxes):
            proposals[key] = boxes
    return proposals


def _checked_boxes(where: str, key: Any, value: Any) -> np.ndarray:
    if not isinstance(key, str) or not key.rpartition(',')[2].isdigit():
        raise ValueError(f"{where}: a key must be a string such as 'video,0902'")
    if not isinstance(value, np.ndarray) or value.dtype.kind not in 'fiu':
        raise ValueError(f'{where}: not an array of numbers but {_tell(value)}')
    if value.ndim != 2 or value.shape[1] not in (4, 5):
        raise ValueError(f'{where}: shape {value.shape}, expected (n, 4) or (n, 5)')
    corners = value[:, :4]
    right = np.isfinite(value).all(axis=1) & (corners[:, :2] <= corners[:, 2:]).all(axis=1)
    right &= (corners >= 0).all(axis=1) & (corners <= 1).all(axis=1)
    if not right.all():
        row = int(right.argmin())
        raise ValueError(
            f'{where}, row {row}: {value[row].tolist()}: a box needs finite numbers with '
            'x1 <= x2 and y1 <= y2, in fractions of the frame'
        )
    return value


def _tell(value: Any) -> str:
    return f'dtype {value.dtype}' if isinstance(value, np.ndarray) else type(value).__name__
