"""Run something on a module right after its first import, without importing it."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys


class _PatchingLoader(importlib.abc.Loader):
    """Executes a module with its own loader, then calls a repair on it."""

    def __init__(self, loader, repair):
        self._loader = loader
        self._repair = repair

    def __getattr__(self, name):
        # is_package, get_source, get_resource_reader ...: whatever the real loader offers
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._repair(module)


class _PatchingFinder(importlib.abc.MetaPathFinder):
    """Finds one module with the other finders and attaches a repair to its loader."""

    def __init__(self, name, repair):
        self.name = name
        self._repair = repair

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader, self._repair)
        return spec


def when_imported(name, repair):
    """Call ``repair(module)`` once: now if ``name`` is imported already, else when it is."""
    if name in sys.modules:
        repair(sys.modules[name])
    elif not any(isinstance(f, _PatchingFinder) and f.name == name for f in sys.meta_path):
        sys.meta_path.insert(0, _PatchingFinder(name, repair))
