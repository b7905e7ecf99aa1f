"""The tool of the three branches' toy tables: what it would run, and where results go."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmlt.experiments.contrasts import read_contrasts
from mmlt.experiments.three_branch_features.model import ROWS
from mmlt.experiments.three_branch_features.results import CONTRASTS, settings_of
from mmlt.experiments.three_branch_features.runs import Plan
from mmlt.experiments.three_branch_pixels import GROUPS
from mmlt.experiments.three_branch_pixels import ROWS as PIXEL_ROWS
from mmlt.fileio.json_files import read_json_object

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'analysis' / 'three_branch_toy.py'
    spec = importlib.util.spec_from_file_location('three_branch_toy', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _results():
    """Made-up ones of all rows that contrasts name."""
    rng, rows = np.random.default_rng(0), {}
    for contrast in read_contrasts(CONTRASTS, 'features'):
        for row in (contrast.row, contrast.against):
            rows.setdefault(row, {})[contrast.measure] = rng.random((3, 2)).tolist()
    return {
        'settings': {'num_worlds': 3, 'num_seeds': 2, 'num_plateau_seeds': 2},
        'cells': {'third': rows, 'none': rows},
        'plateau': {},
        'learning_rates': {row: {'lr': 0.1} for row in ROWS},
    }


def test_steps_of_features(tool, tmp_path, capsys):
    assert tool.main(['--work-dir', str(tmp_path), '--workers', '16', '--dry-run']) == 0
    shown = capsys.readouterr().out
    assert shown.count('make_toy_world.py') == 6  # a world is drawn once
    assert shown.count(f'{Path("tools") / "train.py"}') == 6
    assert shown.count('three_branch_features.py extract') == 9
    assert shown.count('--checkpoint') == 6
    places = [shown.index(f'three_branch_features.py {part}') for part in ('search', 'run')]
    assert places == sorted(places) and shown.count('--workers=16') == 2


def test_steps_of_pixels(tool, tmp_path, capsys):
    how = ['--on', 'pixels', '--work-dir', str(tmp_path), '--seeds', '0', '1', '--dry-run']
    assert tool.main(how) == 0
    shown = capsys.readouterr().out
    for step in ('roi', 'bank', 'all', 'roi_test', 'all_test', 'all_tta_test'):
        assert shown.count(f': {step}: to do') == 2, step


def test_tables_of_pixels(tool):
    rng, rows = np.random.default_rng(0), {}
    names = [f'{measure} {group}' for measure in ('SAP', 'AP') for group in GROUPS]
    for row in PIXEL_ROWS:
        rows[row] = {name: rng.random(3).tolist() for name in names}
    text = tool.make_pixel_tables({'seeds': [0, 1, 2], 'rows': rows})
    assert text.startswith('One world, 3 seeds:')
    for contrast in read_contrasts(CONTRASTS, 'pixels'):
        assert f'(`{contrast.row}` - `{contrast.against}`) | {contrast.measure} |' in text
    for label in PIXEL_ROWS.values():
        assert f'| {label} |' in text


def test_the_number_of_processes_decides_no_result(tool, tmp_path):
    def last(workers):
        args = tool.parse_args(['--work-dir', str(tmp_path), '--workers', workers])
        return tool.feature_steps(args)[-1].deciding_words()

    assert last('1') == last('16')


@pytest.mark.parametrize('workers', ['0', 'all'])
def test_workers_must_be_a_number(tool, tmp_path, capsys, workers):
    assert tool.main(['--work-dir', str(tmp_path), '--workers', workers]) == 2
    assert f'--workers must be a whole number, at least 1, not {workers!r}' in (
        capsys.readouterr().err
    )


def test_results_and_tables_are_written_beside_what_is_there(tool, tmp_path):
    text = '# Title\n\n<!-- toy features -->\n\nold\n\n<!-- end of toy features -->\n\nrest\n'
    (tmp_path / 'README.md').write_text(text, encoding='utf-8')
    (tmp_path / 'toy_results.json').write_text('{"pixels": {"seeds": [0]}}')
    results = _results()
    tool.write_results('features', results, tmp_path)
    written = read_json_object(tmp_path / 'toy_results.json')
    assert written == {'pixels': {'seeds': [0]}, 'features': results}
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    printed = text.partition('<!-- toy features -->')[2].partition('<!-- end of toy')[0]
    assert printed.strip() == tool.PARTS['features'].tables(results)
    assert '\nold\n' not in text and text.endswith('\nrest\n')


def test_a_readme_without_marks_leaves_everything_as_it_was(tool, tmp_path):
    (tmp_path / 'README.md').write_text('# Title\n', encoding='utf-8')
    with pytest.raises(ValueError, match="marker '<!-- toy features -->' occurs 0 times"):
        tool.write_results('features', _results(), tmp_path)
    assert not (tmp_path / 'toy_results.json').exists()


@pytest.mark.parametrize('on', ['features', 'pixels'])
def test_the_readme_prints_the_committed_results_and_no_others(tool, on):
    results = read_json_object(tool.FOLDER / 'toy_results.json')[on]
    text = (tool.FOLDER / 'README.md').read_text(encoding='utf-8')
    printed = text.partition(f'<!-- toy {on} -->')[2].partition(f'<!-- end of toy {on}')[0]
    assert printed.strip() == tool.PARTS[on].tables(results)


def test_the_committed_results_are_those_of_the_plan(tool):
    results, plan = read_json_object(tool.FOLDER / 'toy_results.json')['features'], Plan()
    assert results['settings'] == settings_of(plan)
    assert list(results['cells']) == [plan.world(share, 0).cell for share in plan.shares]
