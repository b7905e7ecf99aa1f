"""The demo's steps, with an interpreter that writes down what it is asked for."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE_PYTHON = """#!/usr/bin/env bash
echo "$*" >>calls
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location('demo', ROOT / 'tools' / 'demo.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / 'python').write_text(FAKE_PYTHON)
    (tmp_path / 'python').chmod(0o755)
    monkeypatch.setenv('PYTHON', str(tmp_path / 'python'))
    return module


def test_world_training_test_report(tool, tmp_path):
    steps = tool.demo_steps(Path('run'), 2, 7)
    checkpoint = tmp_path / 'run' / 'last_checkpoint'
    checkpoint.parent.mkdir()
    checkpoint.write_text('last.pth')
    (tmp_path / 'configs' / 'toy').mkdir(parents=True)
    for path in (tool.CONFIG, Path('last.pth')):
        (tmp_path / path).touch()
    plan = '\n'.join(step.shell() for step in steps)
    subprocess.run(['bash', '-ec', plan], cwd=tmp_path, check=True)
    world, training, test, report = (tmp_path / 'calls').read_text().splitlines()
    assert 'make_toy_world.py --out data/toy --parts ava --workers 2' in world
    assert f'train.py {tool.CONFIG} ' in training and '--nproc_per_node=2' in training
    assert '--work-dir run --seed 7 --no-validate' in training
    assert f'test.py {tool.CONFIG} last.pth ' in test and 'out_dir=run/test' in test
    assert 'report.py run/test --names baseline, seed 7 ' in report
    assert [step.log is None for step in steps] == [True, False, False, True]


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (['none'], "error: RANKS must be a whole number, at least 1, not 'none'\n"),
        (['0'], "error: RANKS must be a whole number, at least 1, not '0'\n"),
        (['2', '1.5'], "error: SEED must be a whole number, not '1.5'\n"),
    ],
)
def test_bad_numbers(tool, capsys, arguments, told):
    assert tool.main(arguments) == 2
    assert capsys.readouterr() == ('', told)
