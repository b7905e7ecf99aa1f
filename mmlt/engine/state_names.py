"""Choose parameters and buffers by patterns over their dotted names.

A pattern is a name or an :mod:`fnmatch` pattern (``*`` crosses dots, case counts). It covers what
it matches and all that lies below a module that it matches:
``'backbone'`` covers ``'backbone.conv1.weight'``, ``'*.bn?'`` covers ``'backbone.bn1.bias'``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase

_NUM_NEAR = 4


def as_patterns(argument: str, patterns: str | Sequence[str]) -> tuple[str, ...]:
    """Return one pattern or a sequence of them as a tuple.

    Raises:
        ValueError: names the argument and what is no pattern.
    """
    as_tuple = (patterns,) if isinstance(patterns, str) else patterns
    if not isinstance(as_tuple, (list, tuple)):
        raise ValueError(f'{argument} must be a pattern or a list of patterns, got {patterns!r}')
    for pattern in as_tuple:
        if not isinstance(pattern, str) or not pattern:
            raise ValueError(f'{argument} holds {pattern!r}, which is no pattern over names')
    return tuple(as_tuple)


def is_covered(name: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern matches the name or a module above it.

    Example:
        >>> is_covered('head.fc_cls.weight', ['head.fc*'])
        True
        >>> is_covered('head.fc_cls.weight', ['fc_cls'])
        False
    """
    return any(fnmatchcase(above, pattern) for above in _upwards(name) for pattern in patterns)


def check_each_covers(argument: str, patterns: Iterable[str], names: Iterable[str]) -> None:
    """Refuse patterns that cover none of the names.

    Raises:
        ValueError: names the argument, the pattern and the names nearest to it.
    """
    names = list(names)
    for pattern in patterns:
        if not any(is_covered(name, (pattern,)) for name in names):
            near = ', '.join(near_names(pattern, names))
            raise ValueError(
                f'{argument}: the pattern {pattern!r} matches no weight and no statistic '
                f'of the model. Near names: {near}'
            )


def near_names(pattern: str, names: Iterable[str]) -> list[str]:
    """The names, or names of modules above them, that are most like the pattern, best first."""
    wanted = pattern.replace('*', '').strip('.')
    parts = wanted.count('.') + 1

    def likeness(name):
        tail = '.'.join(name.split('.')[-parts:])  # a forgotten prefix is the usual slip
        return max(SequenceMatcher(None, wanted, text).ratio() for text in (name, tail))

    candidates = dict.fromkeys(above for name in names for above in _upwards(name))
    return sorted(candidates, key=likeness, reverse=True)[:_NUM_NEAR]


def _upwards(name: str) -> list[str]:
    """'a.b.c' -> ['a', 'a.b', 'a.b.c']"""
    parts = name.split('.')
    return ['.'.join(parts[:end]) for end in range(1, len(parts) + 1)]
