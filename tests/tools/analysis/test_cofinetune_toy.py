"""The tool of co-finetuning's toy tables: what it would run, and where results go."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmlt.experiments.cofinetune_features.results import CONTRASTS, settings_of
from mmlt.experiments.cofinetune_features.rows import ROWS
from mmlt.experiments.cofinetune_features.runs import Plan
from mmlt.experiments.cofinetune_pixels import ROWS as PIXEL_ROWS
from mmlt.experiments.contrasts import read_contrasts
from mmlt.fileio.json_files import read_json_object

ROOT = Path(__file__).parents[3]
README = """# Title

<!-- toy features -->

old

<!-- end of toy features -->

<!-- toy pixels -->
<!-- end of toy pixels -->
"""


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'analysis' / 'cofinetune_toy.py'
    spec = importlib.util.spec_from_file_location('cofinetune_toy', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'README.md').write_text(README, encoding='utf-8')
    return tmp_path


def _measured(on, shape):
    """Made-up results of all rows that contrasts name."""
    rng, rows = np.random.default_rng(0), {}
    for contrast in read_contrasts(CONTRASTS, on):
        for row in (contrast.row, contrast.against):
            rows.setdefault(row, {})[contrast.measure] = rng.random(shape).tolist()
    return rows


def test_steps_of_features_run_the_search_first(tool, tmp_path, capsys):
    assert tool.main(['--work-dir', str(tmp_path), '--workers', '16', '--dry-run']) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f'cofinetune_features.py {part}') for part in ('search', 'run')]
    assert places == sorted(places) and shown.count('--workers=16') == 2
    search, run = tool.feature_steps(tmp_path, 16)
    assert run.inputs == list(search.outputs)
    other = tool.feature_steps(tmp_path, 2)[1]
    assert run.deciding_words() == other.deciding_words()  # processes decide no result


def test_steps_of_pixels(tool, tmp_path, capsys):
    how = ['--on', 'pixels', '--work-dir', str(tmp_path), '--seeds', '0', '1', '--dry-run']
    assert tool.main(how) == 0
    shown = capsys.readouterr().out
    for row in PIXEL_ROWS:
        assert shown.count(f': {row}: to do') == 2, row


@pytest.mark.parametrize('workers', ['0', 'all'])
def test_workers_must_be_a_number(tool, tmp_path, capsys, workers):
    assert tool.main(['--work-dir', str(tmp_path), '--workers', workers]) == 2
    assert f'--workers must be a whole number, at least 1, not {workers!r}' in (
        capsys.readouterr().err
    )


def test_parts_are_written_beside_each_other(tool, folder):
    seeds = [0, 1, 2]
    pixels = {'seeds': seeds, 'rows': _measured('pixels', 3)}
    features = {
        'settings': {'num_worlds': 3, 'num_seeds': {'half': 2}},
        'cells': {'half': _measured('features', (3, 2))},
        'plateau': {},
        'learning_rates': {'0': {row: {'lr': 0.1} for row in ROWS}},
    }
    tool.write_results('pixels', pixels, folder)
    tool.write_results('features', features, folder)
    assert read_json_object(folder / 'toy_results.json') == {
        'pixels': pixels,
        'features': features,
    }
    text = (folder / 'README.md').read_text(encoding='utf-8')
    for on, results in (('pixels', pixels), ('features', features)):
        marks = f'<!-- toy {on} -->', f'<!-- end of toy {on} -->'
        printed = text.partition(marks[0])[2].partition(marks[1])[0]
        assert printed.strip() == tool.tables_of(on, results)
    assert 'One world, 3 seeds:' in text and '\nold\n' not in text


def test_a_readme_without_marks_leaves_everything_as_it_was(tool, folder):
    (folder / 'README.md').write_text('# Title\n', encoding='utf-8')
    pixels = {'seeds': [0, 1], 'rows': _measured('pixels', 2)}
    with pytest.raises(ValueError, match="marker '<!-- toy pixels -->' occurs 0 times"):
        tool.write_results('pixels', pixels, folder)
    assert not (folder / 'toy_results.json').exists()


@pytest.mark.parametrize('on', ['features', 'pixels'])
def test_the_readme_prints_the_committed_results_and_no_others(tool, on):
    results = read_json_object(tool.FOLDER / 'toy_results.json')
    text = (tool.FOLDER / 'README.md').read_text(encoding='utf-8')
    printed = text.partition(f'<!-- toy {on} -->')[2].partition(f'<!-- end of toy {on} -->')[0]
    assert printed.strip() == tool.tables_of(on, results[on])


def test_the_committed_results_are_those_of_the_plan(tool):
    results = read_json_object(tool.FOLDER / 'toy_results.json')
    assert results['features']['settings'] == settings_of(Plan())
    assert list(results['features']['cells']) == [cell.name for cell in Plan().cells]
