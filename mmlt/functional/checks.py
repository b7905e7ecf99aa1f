"""Argument checks shared by the functionals: each error names the argument and the value."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence

import numpy as np

MAX_CLASS_ID = 999_999
MAX_COUNT = 2**53  # up to here a float holds every whole number


def check_scores(name: str, scores: np.ndarray) -> np.ndarray:
    """Return `scores` as an (N, C) float array (float32 stays float32), or raise."""
    scores = np.asarray(scores)
    _check_matrix(name, scores)
    if scores.dtype.kind in 'iub':
        scores = scores.astype(np.float64)
    if scores.dtype.kind != 'f':
        raise ValueError(f'{name} must hold real numbers, got dtype {scores.dtype}')
    # A NaN is the least of all: looking for it so takes no mask of the size of the scores.
    if scores.size and np.isnan(scores.min()):
        row, column = np.argwhere(np.isnan(scores))[0]
        raise ValueError(f'{name}[{row}, {column}] is nan: every score must be a number')
    return scores


def check_zero_one(
    name: str, values: np.ndarray, shape: tuple[int, ...] | None = None
) -> np.ndarray:
    """Return `values` as an (N, C) bool array if every entry is 0, 1, False or True."""
    values = np.asarray(values)
    if shape is not None and values.shape != shape:
        hint = _one_class_hint(name) if values.shape == shape[:1] and shape[1:] == (1,) else ''
        raise ValueError(f'{name} must have the shape of scores, {shape}, got {values.shape}{hint}')
    _check_matrix(name, values)
    if values.dtype == bool:
        return values
    if values.dtype.kind not in 'iuf':
        raise ValueError(f'{name} must be bool or 0/1, got dtype {values.dtype}')
    is_wrong = (values != 0) & (values != 1)
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0]
        value = values[row, column].item()
        raise ValueError(f'{name}[{row}, {column}] is {value!r}: it must be 0 or 1')
    return values.astype(bool)


def _check_matrix(name: str, values: np.ndarray) -> None:
    if values.ndim != 2:
        hint = _one_class_hint(name) if values.ndim == 1 else ''
        raise ValueError(f'{name} must have shape (N, C), got shape {values.shape}{hint}')


def _one_class_hint(name: str) -> str:
    return f'; for one class pass np.reshape({name}, (-1, 1))'


def check_retrieval(
    scores: np.ndarray, targets: np.ndarray, valid: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Check the three (N, C) arguments that all retrieval metrics share."""
    scores = check_scores('scores', scores)
    targets = check_zero_one('targets', targets, scores.shape)
    if valid is not None:
        valid = check_zero_one('valid', valid, scores.shape)
    return scores, targets, valid


def check_columns(name: str, values: np.ndarray, num_columns: int, shape: str) -> np.ndarray:
    """Return `values` as (n, num_columns) float64; an empty one may have any shape."""
    values = np.asarray(values, dtype=np.float64)
    if not values.size:
        return values.reshape(-1, num_columns)
    if values.ndim != 2 or values.shape[1] != num_columns:
        raise ValueError(f'{name} must have shape {shape}, got shape {values.shape}')
    return values


def check_integer(name: str, value: int, minimum: int) -> int:
    """Return `value` as int if it is an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f'{name} must be an integer of at least {minimum}, got {value!r}')
    return int(value)


def check_integers(name: str, values: Sequence[int], count: int, minimum: int = 1) -> tuple:
    """Return `values` as a tuple if they are `count` integers of at least `minimum`."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or len(values) != count:
        raise ValueError(f'{name} must be {count} integers, got {values!r}')
    return tuple(check_integer(f'{name}[{i}]', value, minimum) for i, value in enumerate(values))


def check_image_size(name: str, size: int | Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of a picture, a patch, a stride; a number stands for a square."""
    return check_integers(name, (size, size) if isinstance(size, numbers.Integral) else size, 2)


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        listed = ', '.join(repr(choice) for choice in choices)
        raise ValueError(f'{name} must be one of {listed}, got {value!r}')
    return value


def check_iou_threshold(value: float) -> float:
    """Return an IoU threshold in (0, 1]: at 0 boxes that do not touch would match."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1:
        raise ValueError(f'iou_threshold must be in (0, 1], got {value!r}')
    return float(value)


def check_class_ids(class_ids: Iterable[int]) -> np.ndarray:
    """Return distinct class ids in the order given, as (C,) int64."""
    ids = np.asarray(list(class_ids))
    if ids.size == 0:
        raise ValueError('class_ids is empty: name at least one class')
    if ids.ndim != 1 or ids.dtype.kind not in 'iu':
        raise ValueError(f'class_ids must be a flat list of integers, got {ids.tolist()!r}')
    outside = ids[(ids < 0) | (ids > MAX_CLASS_ID)]
    if outside.size:
        raise ValueError(f'class_ids holds {outside[0]}: ids run from 0 to {MAX_CLASS_ID}')
    distinct, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise ValueError(f'class_ids holds {distinct[counts > 1][0]} more than once')
    return ids.astype(np.int64)


def check_class_counts(class_counts: np.ndarray) -> np.ndarray:
    """Return (C,) int64 counts, or raise if one is negative, above 2**53 or not whole."""
    counts = np.asarray(class_counts)
    if counts.ndim != 1 or counts.size == 0 or counts.dtype.kind not in 'iuf':
        raise ValueError(
            f'class_counts must be C numbers, got shape {counts.shape} and dtype {counts.dtype}'
        )
    is_wrong = ~((counts >= 0) & (counts <= MAX_COUNT)) | (counts != np.floor(counts))
    if is_wrong.any():
        index = int(np.flatnonzero(is_wrong)[0])
        value = counts[index].item()
        raise ValueError(
            f'class_counts[{index}] is {value!r}: it must be a whole number >= 0, at most 2**53'
        )
    return counts.astype(np.int64)


def check_class_ap(name: str, class_ap: np.ndarray) -> np.ndarray:
    """Return (C,) float64 average precisions, or raise on NaN and values outside [0, 1]."""
    class_ap = np.asarray(class_ap, dtype=np.float64)
    if class_ap.ndim != 1 or class_ap.size == 0:
        raise ValueError(f'{name} must have shape (C,), got shape {class_ap.shape}')
    is_wrong = ~((class_ap >= 0) & (class_ap <= 1))
    if is_wrong.any():
        index = int(np.flatnonzero(is_wrong)[0])
        raise ValueError(f'{name}[{index}] is {class_ap[index]}: it must be an AP in [0, 1]')
    return class_ap


def check_positive_counts(class_counts: np.ndarray) -> np.ndarray:
    """Return (C,) int64 counts, or raise also if a class has no sample."""
    counts = check_class_counts(class_counts)
    if not counts.all():
        index = int(np.flatnonzero(counts == 0)[0])
        raise ValueError(f'class_counts[{index}] is 0: leave out classes without training samples')
    return counts


def check_real(name: str, value: float, minimum: float, maximum: float = np.inf) -> float:
    """Return `value` as float if it is a number in [minimum, maximum]."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not minimum <= value <= maximum:
        bounds = f'in [{minimum}, {maximum}]' if maximum < np.inf else f'>= {minimum}'
        raise ValueError(f'{name} must be a number {bounds}, got {value!r}')
    return float(value)
