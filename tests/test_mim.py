"""The second way of use: mim, in an environment of its own that ``make mim-env`` builds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
MIM_VENV = Path(os.environ.get('MMLT_MIM_VENV', ROOT / '.venv-mim'))
CONFIG = 'slowonly_toy_ava.py'
QUICK = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'default_hooks.logger.interval=1']
SOURCE = ('LICENSE', 'README.md', 'configs', 'mmlt', 'model-index.yml', 'pyproject.toml', 'tools')

pytestmark = [pytest.mark.mim, pytest.mark.train]


def _run(*command, cwd):
    env = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    env['PATH'] = f'{MIM_VENV / "bin"}{os.pathsep}{env["PATH"]}'
    env['OMP_NUM_THREADS'] = '1'
    env['PYTHONWARNINGS'] = 'ignore'  # mim itself warns about pkg_resources at every call
    env['MMCV_BASE_URL'] = cwd.as_uri()  # mmcv is installed: no look at OpenMMLab's server for it
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.fixture(scope='module', autouse=True)
def installed(tmp_path_factory):
    """``mim install .`` in a copy of the checkout; gives the folder of the installed package."""
    python = MIM_VENV / 'bin' / 'python'
    if not python.exists():
        pytest.fail(f'{MIM_VENV}: no environment with mim; `make mim-env` builds it')
    source = tmp_path_factory.mktemp('source')
    ignore = shutil.ignore_patterns('.mim', '__pycache__')
    for name in (*SOURCE, 'setup.py'):
        copy = shutil.copy2 if (ROOT / name).is_file() else _copy_tree(ignore)
        copy(ROOT / name, source / name)
    _run(python, '-m', 'pip', 'uninstall', '-y', 'mmlt', cwd=source)
    _run('mim', 'install', '.', cwd=source)
    where = 'import importlib.util as u; print(u.find_spec("mmlt").origin)'
    return Path(_run(python, '-c', where, cwd=source.parent).strip()).parent


def _copy_tree(ignore):
    return lambda source, target: shutil.copytree(source, target, ignore=ignore)


@pytest.fixture(scope='module')
def world(tmp_path_factory, toy_world):
    """A working directory with a very small toy world in data/toy."""
    folder = tmp_path_factory.mktemp('world')
    (folder / 'data').mkdir()
    (folder / 'data' / 'toy').symlink_to(toy_world)
    return folder


def _train(world, work_dir, *launch):
    log = _run(
        *('mim', 'train', 'mmlt', CONFIG, *launch),
        *('--work-dir', work_dir, '--cfg-options', *QUICK),
        cwd=world,
    )
    return log, Path((work_dir / 'last_checkpoint').read_text(encoding='utf-8'))


def _test(world, checkpoint, work_dir, *launch):
    log = _run(
        *('mim', 'test', 'mmlt', CONFIG, '--checkpoint', checkpoint, *launch),
        *('--work-dir', work_dir),
        cwd=world,
    )
    return log, _metrics(work_dir)


def _metrics(work_dir):
    (path,) = work_dir.rglob('metrics.json')
    return json.loads(path.read_text(encoding='utf-8'))


def _num_steps(log):
    """Iterations of the epoch, from lines like ``Epoch(train) [1][2/3]``."""
    return {int(number) for number in re.findall(r'Epoch\(train\)\s+\[1\]\[\s*\d+/(\d+)\]', log)}


@pytest.fixture(scope='module')
def trained(world, tmp_path_factory):
    """Log, work directory and checkpoint of one epoch in one process."""
    work_dir = tmp_path_factory.mktemp('trained')
    log, checkpoint = _train(world, work_dir, '--launcher', 'none', '--gpus', '0')
    return log, work_dir, checkpoint


def test_install_puts_the_package_with_its_tools_beside_the_others(installed):
    assert MIM_VENV.resolve() in installed.resolve().parents
    assert sorted(path.name for path in (installed / '.mim').iterdir()) == [
        'configs',
        'model-index.yml',
        'tools',
    ]


def test_search_lists_every_model(world):
    found = _run('mim', 'search', 'mmlt', '--field', 'config', 'epochs', cwd=world)
    models = [
        model
        for path in ROOT.glob('configs/*/metafile.yml')
        for model in yaml.safe_load(path.read_text(encoding='utf-8'))['Models']
    ]
    assert sorted(re.findall(r'config id: (\S+)', found)) == sorted(m['Name'] for m in models)
    for model in models:  # mim cuts what is longer than a line of 80
        path = model['Config'] if len(model['Config']) <= 72 else f'{model["Config"][:69]}...'
        assert re.search(rf'config +{re.escape(path)}$', found, re.MULTILINE)


def test_train_without_a_launcher(installed, trained):
    log, work_dir, checkpoint = trained
    assert str(installed / '.mim' / 'tools' / 'train.py') in log
    assert checkpoint.name == 'epoch_1.pth' and checkpoint.stat().st_size > 0
    metrics = _metrics(work_dir)
    assert len(metrics['per_class']) == 30
    assert 0 <= metrics['frame_mAP'] <= 1


def test_train_with_two_ranks(world, trained, tmp_path):
    log, checkpoint = _train(world, tmp_path, '--launcher', 'pytorch', '--gpus', '2')
    assert checkpoint.name == 'epoch_1.pth'
    ((one,), (two,)) = _num_steps(trained[0]), _num_steps(log)
    assert one > two == (one + 1) // 2  # each rank sees half of the batches
    assert _metrics(tmp_path)['num_keyframes'] == _metrics(trained[1])['num_keyframes']


def test_test_gives_the_same_metrics_on_one_rank_and_on_two(world, trained, tmp_path):
    log, one = _test(world, trained[2], tmp_path / 'one', '--launcher', 'none')
    assert f'Load checkpoint from {trained[2]}' in log
    _, two = _test(world, trained[2], tmp_path / 'two', '--launcher', 'pytorch', '--gpus', '2')
    assert one['num_boxes'] > 0
    assert one == two
