"""The tool that trains and tests on the toy clips: its summary, its restart, its picture."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from warm_python import PYTHON

from mmlt.experiments import shuffle_bias_table
from mmlt.functional import representation_bias

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'analysis' / 'shuffle_bias_toy.py'
    spec = importlib.util.spec_from_file_location('shuffle_bias_toy', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _row(original, shuffled, std_error=0.01):
    ratio = representation_bias(original, shuffled)
    return dict(
        original=original, shuffled=shuffled, log_ratio=ratio, log_ratio_std_error=std_error
    )


def test_summary_by_hand(tool):
    found = tool.summarise([_row(0.8, 0.2), _row(0.6, 0.3)])
    assert found['original'] == pytest.approx(0.7)
    assert found['shuffled'] == pytest.approx(0.25)
    # ln 4 and ln 2: mean 1.5 ln 2, standard deviation ln 2 / sqrt 2
    assert found['log_ratio'] == pytest.approx(1.5 * math.log(2))
    assert found['log_ratio_std'] == pytest.approx(math.log(2) / math.sqrt(2))


def test_table_and_picture(tool, tmp_path):
    rows = {'motion': _row(0.8, 0.2), 'appearance': _row(0.9, 0.9)}
    results = {name: tool.summarise([row, row]) for name, row in rows.items()}
    lines = tool.table(results).splitlines()
    assert len(lines) == 2 + 9 + 2
    assert '| Jester (paper) | 92.0 | 20.1 | 1.52 |' in lines
    assert lines[-2] == '| toy motion, 2 seeds | 80.0 | 20.0 | 1.386 ± 0.000 |'
    tool.plot(results, tmp_path / 'bias.png', overwrite=False)
    assert (tmp_path / 'bias.png').read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
    one = {name: tool.summarise([row]) for name, row in rows.items()}
    assert tool.table(one).splitlines()[-2] == '| toy motion, 1 seed | 80.0 | 20.0 | 1.386 |'
    assert 'NaN' not in json.dumps(one)
    tool.plot(one, tmp_path / 'one.png', overwrite=False)
    with pytest.raises(FileExistsError, match=r'bias\.png'):
        tool.plot(results, tmp_path / 'bias.png', overwrite=False)


def test_numbers_of_the_paper_are_found_by_their_names(monkeypatch):
    numbers = {'log ratio': 3.0, 'accuracy, frames shuffled': 2.0, 'accuracy': 1.0}
    results = {('resnet3d_r50_jester', 'Jester'): numbers}
    monkeypatch.setattr(shuffle_bias_table, 'read_paper_results', {'shuffle_bias': results}.get)
    assert shuffle_bias_table.paper_rows({'jester': 'Jester'}) == {'Jester': (1.0, 2.0, 3.0)}


FAKE_PYTHON = """#!/usr/bin/env bash
echo "$*" >>calls
for WORD; do
    case $BEFORE$WORD in
        --work-dir*) mkdir -p "$WORD" && touch last.pth && echo last.pth >"$WORD/last_checkpoint" ;;
        *out_dir=*) mkdir -p "${WORD#*=}" && cp found.json "${WORD#*=}/shuffle_bias.json" ;;
    esac
    BEFORE=$WORD
done
"""


def test_finished_runs_are_not_repeated(tool, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('python').write_text(FAKE_PYTHON)
    Path('python').chmod(0o755)
    monkeypatch.setenv('PYTHON', './python')
    found = {'num_shuffles': 5, 'metrics': {'accuracy': _row(0.8, 0.2)}}
    Path('found.json').write_text(json.dumps(found))
    arguments = ['--work-dir', 'runs', '--seeds', '0', '1']
    assert tool.main([*arguments, '--dry-run']) == 0
    assert capsys.readouterr().out.count(': to do\n') == 2 * 2 * 2
    assert not Path('runs').exists()
    for _ in range(2):
        assert tool.main(arguments) == 0
        told = capsys.readouterr().out
        assert '| toy appearance, 2 seeds | 80.0 | 20.0 | 1.386 ± 0.000 |' in told
    assert told.count(': done before\n') == 2 * 2 * 2
    assert len(Path('calls').read_text().splitlines()) == 2 * 2 * 2
    results = json.loads(Path('runs/results.json').read_text())
    assert results['motion']['log_ratio'] == pytest.approx(math.log(4))
    assert tool.main([*arguments, '--num-shuffles', '3']) == 2
    assert capsys.readouterr().err.startswith(
        "error: motion_seed0: test was done with 'test_cfg.num_shuffles=5', not "
        "'test_cfg.num_shuffles=3': choose another folder, or delete runs/motion_seed0/tested "
    )


def test_a_folder_of_an_older_version(tool, tmp_path, capsys, monkeypatch):
    """Its tests left no stamp: they are taken as done, if they had so many orders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHON', '/bin/false')
    found = {'num_shuffles': 5, 'metrics': {'accuracy': _row(0.8, 0.2)}}
    for name in tool.SETS:
        folder = Path(f'runs/{name}_seed0')
        (folder / 'test').mkdir(parents=True)
        (folder / 'trained').touch()
        (folder / 'last_checkpoint').write_text('deleted.pth')
        (folder / 'test' / 'shuffle_bias.json').write_text(json.dumps(found))
    arguments = ['--work-dir', 'runs', '--seeds', '0']
    for more in ([], ['--dry-run']):
        assert tool.main([*arguments, '--num-shuffles', '7', *more]) == 2
        told = 'num_shuffles is 5, not 7; choose another --work-dir'
        path = 'runs/motion_seed0/test/shuffle_bias.json'
        assert capsys.readouterr().err == f'error: {path}: {told}\n'
    assert tool.main(arguments) == 0
    assert capsys.readouterr().out.count(': done before\n') == 2 * 2


@pytest.mark.train
def test_trains_and_tests_from_the_command_line(tool, tmp_path, monkeypatch, capfd):
    """A world of one clip a class, one epoch: configs, tools and files fit together."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tool, 'SETS', ('appearance',))
    monkeypatch.setattr(sys, 'executable', PYTHON)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    maker = ROOT / 'tools' / 'data' / 'make_toy_world.py'
    small = ['--set', 'clips_train=1', 'clips_val=1', 'clips_test=1']
    command = [PYTHON, maker, '--out', 'data/toy', '--parts', 'clips', *small]
    subprocess.run(command, check=True)
    options = ['train_cfg.max_epochs=1', 'param_scheduler.total_steps=1']
    arguments = ['--work-dir', 'runs', '--seeds', '3', '--num-shuffles', '2']
    assert tool.main([*arguments, '--cfg-options', *options]) == 0
    found = json.loads(Path('runs/appearance_seed3/test/shuffle_bias.json').read_text())
    assert (found['num_samples'], found['num_shuffles']) == (8, 2)
    for name in ('train', 'test'):
        assert f'Epoch({name})' in Path(f'runs/appearance_seed3/{name}.log').read_text()
    assert 'Epoch(' not in capfd.readouterr().out
    labels = Path('data/toy/clips/appearance/labels.txt').read_text().splitlines()
    assert list(found['per_class']) == labels
