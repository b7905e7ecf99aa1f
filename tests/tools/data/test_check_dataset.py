"""tools/data/check_dataset.py: what it prints, writes and returns."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest
from planted_mistakes import TRAPS
from planting import edit_config
from small_own_data import write_small_set

TOOL = Path(__file__).parents[3] / 'tools' / 'data' / 'check_dataset.py'


@pytest.fixture(scope='module')
def main():
    spec = importlib.util.spec_from_file_location('check_dataset', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp('good'))


def _planted(good, root, *names):
    shutil.copytree(good, root)
    for name in names:
        TRAPS[name].plant(root)
    return root


def test_good_set_is_clean(main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set')
    assert main([str(root)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        'train: 2 videos, 15 keyframes, 30 boxes, 30 rows, 2.0 boxes a keyframe, 3 classes, '
        '100% recall, 100% recall of all',
        *(
            f'{split}: 1 videos, 7 keyframes, 14 boxes, 14 rows, 2.0 boxes a keyframe, 3 classes, '
            '100% recall, 100% recall of all'
            for split in ('val', 'test')
        ),
        '0 errors, 0 warnings, 0 doubts',
        f'page: {root}/check.html',
    ]
    assert (root / 'check.html').read_text(encoding='utf-8').startswith('<!DOCTYPE html>')


def test_all_mistakes_are_told_and_the_exit_code_is_1(main, good, tmp_path, capsys):
    names = [
        'a header line',
        'timestamps between seconds',
        'train and val share a video',
        'holes in the frames',
        'keyframes without a proposal',
    ]
    root = _planted(good, tmp_path / 'set', *names)
    assert main([str(root), '--no-page']) == 1
    printed = capsys.readouterr().out
    for what in (
        'header lines (line 1: ',
        "timestamps between whole seconds (line 5: '1.5'; line 6: '2.5')",
        "has too (line 17: 'walk_b')",
        'lacks frames 11, 12, 13)',
        'keyframes without a proposal (line 7: walk_a,0002; line 28: walk_b,0005)',
    ):
        assert (
            what.replace("'walk_a,0002'", 'walk_a,0002').replace("'walk_b,0005'", 'walk_b,0005')
            in printed
        ), what
    assert re.search(r'^\d errors, 1 warning, 0 doubts$', printed, re.MULTILINE)
    assert not (root / 'check.html').exists()


@pytest.mark.parametrize(('options', 'code'), [((), 0), (('--strict',), 1)])
def test_warnings_count_where_it_is_strict(options, code, main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set', 'Windows line ends')
    assert main([str(root), '--no-page', *options]) == code
    assert '0 errors, 1 warning, 0 doubts' in capsys.readouterr().out


def test_places_beyond_the_fifth_are_counted(main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set', 'boxes in pixels')
    main([str(root), '--no-page'])
    line = next(x for x in capsys.readouterr().out.splitlines() if 'boxes in pixels' in x)
    assert line.count('line ') == 5
    assert ' and 27 more)' in line


def test_fix_writes_copies_whose_config_is_clean(main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set', 'x and y swapped', 'ids from 0', 'a header line')
    before = {path: path.read_bytes() for path in root.rglob('*') if path.is_file()}
    out = tmp_path / 'mended'
    assert main([str(root), '--no-page', '--fix', str(out)]) == 0
    printed = capsys.readouterr().out
    assert f'mended: {root}/annotations/train.csv: header line removed (1)' in printed
    assert f'mended: {root}/annotations/test.csv: 1 added to all class ids' in printed
    assert 'proposals find 0% of the annotated boxes as they are, 100% with x and y' in printed
    assert f'3 mended copies and a config.py that reads them: {out}' in printed
    assert 'error: ' not in printed and printed.endswith('\n0 errors, 0 warnings, 0 doubts\n')
    assert main([str(out), '--no-page']) == 0
    assert '0 errors, 0 warnings, 0 doubts' in capsys.readouterr().out
    assert {path: path.read_bytes() for path in root.rglob('*') if path.is_file()} == before


def test_fix_says_what_is_left(main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set', 'timestamps between seconds')
    assert main([str(root), '--no-page', '--fix', str(tmp_path / 'mended')]) == 1
    printed = capsys.readouterr().out
    assert printed.count('rounding would put boxes on another moment') == 1
    assert printed.startswith(
        'no file has a mistake of one certain mend: nothing was written\nleft: '
    )
    assert printed.endswith('\n1 error, 0 warnings, 0 doubts\n')
    assert 'no file has a mistake of one certain mend: nothing was written' in printed
    assert not (tmp_path / 'mended').exists()


def test_fix_writes_paths_as_they_are_given(main, good, tmp_path, capsys, monkeypatch):
    root = _planted(good, tmp_path / 'set', 'a header line', 'timestamps between seconds')
    monkeypatch.chdir(tmp_path)
    assert main(['set', '--fix', 'mended']) == 1
    printed = capsys.readouterr().out
    assert 'mended: set/annotations/train.csv: header line removed (1)\n' in printed
    assert 'left: error: mended/train.csv: timestamps between whole seconds' in printed
    assert 'page: set/check.html, of the files as they were\n' in printed
    assert str(tmp_path) not in printed
    assert 'header lines' in (root / 'check.html').read_text(encoding='utf-8')
    monkeypatch.chdir(root)  # its config.py is of use from everywhere
    assert main(['../mended', '--no-page']) == 1
    assert 'no such file' not in capsys.readouterr().out


def test_fix_never_writes_into_a_folder_that_holds_something(main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set', 'a header line')
    assert main([str(root), '--no-page', '--fix', str(root)]) == 2
    assert 'give a new folder for the mended copies' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'config.py'),
        ('model = \n', 'config.py: SyntaxError: '),
        ('model = dict()\n', 'no AVADataset in train, val or test dataloader'),
        (
            'datasets = dict(ava=dict(train=dict()), own=dict(train=dict()))\n',
            'its data sets (ava, own) are to be checked one by one',
        ),
    ],
)
def test_what_cannot_be_checked_gives_2(text, message, main, tmp_path, capsys):
    if text is not None:
        (tmp_path / 'config.py').write_text(text)
    assert main([str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_missing_files_are_findings(main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set')
    (root / 'annotations' / 'val.csv').unlink()
    (root / 'proposals.pkl').write_bytes(b'no pickle')
    assert main([str(root), '--no-page']) == 1
    printed = capsys.readouterr().out
    assert f'error: {root}/annotations/val.csv: no such file, ann_file of val.' in printed
    assert f'error: {root}/proposals.pkl: it cannot be read: not a pickle' in printed


@pytest.mark.parametrize(
    ('plant', 'why'),
    [
        (TRAPS['boxes in pixels'].plant, 'boxes in pixels'),
        (TRAPS['proposals in pixels'].plant, 'proposals in pixels'),
        (lambda root: (root / 'proposals.pkl').unlink(), 'proposals not read'),
        (edit_config("proposal_file=f'{root}/proposals.pkl',", ''), 'no proposals'),
    ],
)
def test_why_there_is_no_recall(plant, why, main, good, tmp_path, capsys):
    root = _planted(good, tmp_path / 'set')
    plant(root)
    main([str(root)])
    train = next(x for x in capsys.readouterr().out.splitlines() if x.startswith('train: '))
    assert train.endswith(f', – ({why}) recall, – recall of all')
    assert f'<td>– ({why})</td>' in (root / 'check.html').read_text(encoding='utf-8')
