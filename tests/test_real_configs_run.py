"""mmaction2's models on real data train, validate and test on files laid out as AVA's are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from warm_python import PYTHON

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((ROOT / 'configs' / 'in_the_wild').glob('slow*.py'))
WHOLE = CONFIGS[-1]  # is trained with all its channels
NARROW = {
    'slowonly': {'backbone.base_channels': 8, 'roi_head.bbox_head.in_channels': 256},
    'slowfast': {
        'backbone.slow_pathway.base_channels': 16,
        'backbone.fast_pathway.base_channels': 2,
        'roi_head.bbox_head.in_channels': 576,
    },
}

pytestmark = pytest.mark.train


def _run(tool, *arguments, cwd):
    command = [PYTHON, str(ROOT / 'tools' / tool), *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=cwd,  # the configs' paths are relative: data/ava/...
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def _only(folder, pattern):
    (path,) = folder.rglob(pattern)
    return path


def _check_metrics(metrics):
    assert len(metrics['per_class']) == 60
    assert metrics['groups'].keys() == {'head', 'medium', 'tail'}
    assert [group['num_classes'] for group in metrics['groups'].values()] == [8, 23, 29]
    assert metrics['train_counts_source'].startswith('Arnab')
    # 5 keyframes without the excluded one, two persons each; crawl (2) is nobody's column
    assert (metrics['num_keyframes'], metrics['num_boxes']) == (4, 8)
    groups = {name: r['group'] for name, r in metrics['per_class'].items() if r['num_boxes']}
    assert groups == {
        'stand': 'head',
        'sit': 'head',
        'watch (a person)': 'head',
        'answer phone': 'medium',
        'point to (an object)': 'tail',
    }
    assert {metrics['per_class'][name]['num_boxes'] for name in groups} == {4}
    for judged in (metrics, *metrics['groups'].values()):
        assert 0 < judged['frame_mAP'] <= 1 and 0 < judged['mSAP'] <= 1


@pytest.fixture(scope='module')
def trained(request, ava_root, ava_options, tmp_path_factory):
    """Config, log and work dir of two iterations and a validation; WHOLE's checkpoint is large."""
    work_dir = tmp_path_factory.mktemp('trained')
    options = ['default_hooks.logger.interval=1', *ava_options]
    config = request.param
    if config != WHOLE:
        narrow = NARROW[config.name.partition('_')[0]]
        options += [f'model.{key}={value}' for key, value in narrow.items()]
    log = _run('train.py', config, '--work-dir', work_dir, '--cfg-options', *options, cwd=ava_root)
    yield config, log, work_dir
    shutil.rmtree(work_dir)


@pytest.mark.parametrize('trained', CONFIGS, ids=lambda path: path.stem, indirect=True)
def test_two_iterations_and_a_validation(trained):
    _, log, work_dir = trained
    assert re.findall(r'Epoch\(train\) +\[1\]\[([12])/2\]', log) == ['1', '2']
    assert 'ava/frame_mAP' in log and 'ava/tail/mSAP' in log
    _check_metrics(json.loads(_only(work_dir, 'metrics.json').read_text(encoding='utf-8')))
    rows = _only(work_dir, 'per_class.csv').read_text(encoding='utf-8').splitlines()
    assert len(rows) == 61


@pytest.mark.parametrize('trained', [WHOLE], ids=lambda path: path.stem, indirect=True)
def test_a_checkpoint_tests_as_it_validated(trained, ava_root, ava_options, tmp_path):
    config, _, work_dir = trained
    checkpoint = _only(work_dir, 'epoch_1.pth')
    options = ['--work-dir', tmp_path, '--cfg-options', *ava_options]
    _run('test.py', config, checkpoint, *options, cwd=ava_root)
    validated = json.loads(_only(work_dir, 'metrics.json').read_text(encoding='utf-8'))
    assert json.loads(_only(tmp_path, 'metrics.json').read_text(encoding='utf-8')) == validated
