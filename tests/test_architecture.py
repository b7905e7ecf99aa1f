"""The arrow of dependence: functional <- the four shell packages <- configs and tools."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mmlt

PACKAGE = Path(mmlt.__file__).parent
SHELLS = ('datasets', 'models', 'engine', 'evaluation')
OPENMMLAB = ('mmengine', 'mmcv', 'mmdet', 'mmaction')


def _imported_modules(path):
    """Absolute names of all modules a file imports anywhere in it."""
    package = ('mmlt', *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = '.'.join((*base, *([node.module] if node.module else [])))
            yield stem
            yield from (f'{stem}.{alias.name}' for alias in node.names)


def _files(folder):
    return sorted((PACKAGE / folder).rglob('*.py'))


def _ids(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize('path', _files('functional'), ids=_ids)
def test_functional_is_pure(path):
    for name in _imported_modules(path):
        assert name.split('.')[0] not in OPENMMLAB, name
        assert not name.startswith('mmlt') or name.startswith('mmlt.functional'), name


@pytest.mark.parametrize('path', [p for s in SHELLS for p in _files(s)], ids=_ids)
def test_shell_packages_meet_only_through_the_registry(path):
    own = path.relative_to(PACKAGE).parts[0]
    for name in _imported_modules(path):
        parts = name.split('.')
        if parts[0] == 'mmlt' and len(parts) > 1 and parts[1] in SHELLS:
            assert parts[1] == own, f'{name} imported from mmlt/{own}'


def test_the_check_sees_imports_of_the_own_package():
    probe = PACKAGE / 'functional' / '__init__.py'
    assert any(name.startswith('mmlt.functional.') for name in _imported_modules(probe))
