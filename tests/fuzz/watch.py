"""Sees what a reader does beside reading: files, processes, names, changes in others' code."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import types

from mmlt import weights_only

#: What Python tells its audit hooks when something is done that no reader has to do.
_DEEDS = ('os.system', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.fork', 'os.kill', 'os.putenv',
          'os.remove', 'os.rename', 'os.rmdir', 'os.mkdir', 'os.link', 'os.symlink', 'os.truncate',
          'os.chmod', 'os.chown', 'os.utime', 'os.setxattr', 'shutil.', 'subprocess.Popen',
          'socket.', 'ctypes.dlopen')  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_watched: list[str] | None = None


def _watch(event: str, arguments: tuple) -> None:
    if _watched is None:
        return
    is_deed = event.startswith(_DEEDS) or event == 'pickle.find_class'
    if event == 'open':  # os.open tells no mode, but both tell the flags
        is_deed = bool(arguments[2] & _WRITING)
    elif event == 'exec':  # an import has a file
        is_deed = arguments[0].co_filename.startswith('<string')
    if is_deed:
        _watched.append(f'{event}{arguments!r:.200}')


sys.addaudithook(_watch)


@contextlib.contextmanager
def nothing_done(*, may_unpickle: bool = False):
    """Raise if the body writes a file, starts, removes, evaluates or connects to anything.

    Args:
        may_unpickle: Whether it may look up names for a pickle; then none of what such names lead
            to may be another afterwards.
    """
    global _watched
    before = _fingerprint() if may_unpickle else {}
    _watched = deeds = []
    try:
        yield
    finally:
        _watched = None
    if may_unpickle:
        deeds = [deed for deed in deeds if not deed.startswith('pickle.find_class')]
        deeds += [f'a change of {name}' for name in _changed(before, _fingerprint())]
    assert not deeds, f'it did {deeds}'


@functools.lru_cache(maxsize=1)
def _in_reach() -> list:
    """The classes and functions of which a checkpoint may hold the names, and their methods."""
    kinds = (type, types.FunctionType)
    found = {id(value): value for value in weights_only._allowed().values()}
    owners = [value for value in found.values() if isinstance(value, type)]
    for owner in owners:
        if owner.__module__.startswith('mmengine'):
            found |= {id(value): value for value in vars(owner).values()}
    return [value for value in found.values() if isinstance(value, kinds)]


def _fingerprint() -> dict[str, object]:
    """All that can be set on them, by name."""
    found = {}
    for value in _in_reach():
        name = f'{value.__module__}.{value.__qualname__}'
        found |= {f'{name}.{key}': inner for key, inner in vars(value).items()}
        if isinstance(value, types.FunctionType):
            for key in ('__defaults__', '__kwdefaults__', '__code__'):
                found[f'{name}.{key}'] = getattr(value, key)
    return found


def _changed(before: dict[str, object], after: dict[str, object]) -> list[str]:
    missing = object()
    names = dict.fromkeys([*before, *after])
    return [name for name in names if before.get(name, missing) is not after.get(name, missing)]
