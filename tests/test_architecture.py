"""The arrow: functional <- fileio, visualization <- four shell packages <- experiments <- tools.

All but the shells works without OpenMMLab; of evaluation, all but its metrics.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import mmlt
from mmlt import functional
from mmlt.functional import _of_tensors

PACKAGE = Path(mmlt.__file__).parent
SHELLS = ('datasets', 'models', 'engine', 'evaluation')
OPENMMLAB = ('mmengine', 'mmcv', 'mmdet', 'mmaction')
# below the shells: what each room may import of mmlt
BELOW = {
    'functional': ('functional',),
    'fileio': ('functional', 'fileio'),
    'visualization': ('functional', 'fileio', 'visualization'),
}
ABOVE = ('experiments', 'visualization')  # what only tools and experiments may import
WITHOUT_OPENMMLAB = f"""
import sys
for name in {OPENMMLAB}:
    sys.modules[name] = None  # whoever imports it gets an ImportError
"""


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


@pytest.mark.parametrize('path', [p for room in BELOW for p in _files(room)], ids=_ids)
def test_what_lies_below_the_shells_is_pure(path):
    allowed = BELOW[path.relative_to(PACKAGE).parts[0]]
    for name in _imported_modules(path):
        parts = name.split('.')
        assert parts[0] not in OPENMMLAB, name
        assert parts[0] != 'mmlt' or parts[1:2] and parts[1] in allowed, name


@pytest.mark.parametrize('path', [p for s in SHELLS for p in _files(s)], ids=_ids)
def test_shell_packages_meet_only_through_the_registry(path):
    own = path.relative_to(PACKAGE).parts[0]
    for name in _imported_modules(path):
        parts = name.split('.')
        if parts[0] == 'mmlt' and len(parts) > 1 and parts[1] in SHELLS:
            assert parts[1] == own, f'{name} imported from mmlt/{own}'


@pytest.mark.parametrize('path', [p for s in SHELLS for p in _files(s)], ids=_ids)
def test_no_shell_imports_what_stands_above_it(path):
    for name in _imported_modules(path):
        assert not name.startswith(tuple(f'mmlt.{room}' for room in ABOVE)), name


@pytest.mark.parametrize('path', [PACKAGE, *map(Path, sorted(BELOW))], ids=str)
def test_every_room_is_there(path):
    assert _files(path)


@pytest.mark.parametrize('path', _files('evaluation'), ids=_ids)
def test_only_metrics_need_openmmlab_to_judge_a_model(path):
    if path.parent.name == 'metrics':
        return
    for name in _imported_modules(path):
        assert name.split('.')[0] not in OPENMMLAB, name
        assert not name.startswith(('mmlt.registry', 'mmlt.evaluation.metrics')), name


def test_the_check_sees_imports_of_the_own_package():
    probe = PACKAGE / 'functional' / '__init__.py'
    assert any(name.startswith('mmlt.functional.') for name in _imported_modules(probe))


def test_no_column_type_is_asked_for_numpys():
    """Before pyarrow 26 ``to_pandas_dtype`` needs pandas, which nothing here depends on."""
    for path in PACKAGE.rglob('*.py'):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert 'to_pandas_dtype' not in names, path


def _run(code, *arguments):
    command = [sys.executable, '-c', code, *map(str, arguments)]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_functional_works_without_openmmlab():
    code = """
from mmlt import functional as F
print(F.average_precision([[.9], [.1]], [[1], [0]]).tolist())
"""
    assert _run(WITHOUT_OPENMMLAB + code) == '[1.0]\n'


def test_every_export_of_functional_is_there():
    assert {name for name in functional.__all__ if not hasattr(functional, name)} == set()
    assert set(functional.__all__) <= set(dir(functional))
    assert set(_of_tensors.__all__) <= set(functional.__all__)
    with pytest.raises(AttributeError, match="'mmlt.functional' has no attribute 'focal'"):
        _ = functional.focal


def test_evaluate_ava_works_without_openmmlab_torch_and_pandas(tmp_path):
    world, root = Path(__file__).parent / 'data' / 'hand_world', PACKAGE.parent
    code = """
import runpy
sys.modules['pandas'] = sys.modules['torch'] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
    tool, detections = root / 'tools' / 'analysis' / 'evaluate_ava.py', world / 'detections.csv'
    truth = ('--ground-truth', world / 'ground_truth.csv')
    names = ('--label-map', world / 'label_map.pbtxt')
    groups = ('--train-annotations', world / 'train.csv', '--head-min', 2, '--tail-max', 0)
    code = WITHOUT_OPENMMLAB + code
    out = _run(code, tool, detections, *truth, *names, *groups, '--out', tmp_path / 'run')
    assert out.endswith(f'report: {tmp_path / "run" / "report.html"}\n')
    metrics = json.loads((tmp_path / 'run' / 'metrics.json').read_text(encoding='utf-8'))
    # derived in tests/evaluation/test_ava.py
    assert metrics['mSAP'] == pytest.approx(7 / 9, abs=1e-12)
    assert metrics['groups']['medium']['mSAP'] == pytest.approx(17 / 24, abs=1e-12)
