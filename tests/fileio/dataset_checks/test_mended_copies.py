"""What has one certain mend is mended in a copy, the rest is left and told."""

from __future__ import annotations

import shutil

import pytest
from mmengine.config import Config
from planted_mistakes import TRAPS
from small_own_data import write_small_set

from mmlt.fileio.dataset_checks.mended_copies import mend_splits
from mmlt.fileio.dataset_checks.settings import splits_of_config

MENDED = {
    'ids from 0': ('train.csv', '1 added to all class ids'),
    'timestamps with a point': ('train.csv', 'without a point'),
    'boxes in pixels': ('train.csv', 'boxes of 2 videos divided'),
    'x and y swapped': ('train.csv', '100% with x and y changed about'),
    'proposals with x and y swapped': ('proposals.pkl', 'x and y changed about'),
    'a header line': ('train.csv', 'header line removed'),
    'Windows line ends': ('train.csv', 'lines end with LF (32)'),
    'a byte-order mark': ('train.csv', 'byte-order mark removed'),
    'spaces around names': ('train.csv', 'spaces around video names removed (2)'),
    'a video name in capitals': ('val.csv', "video 'Walk_C' is now 'walk_c'"),
    'a video name with its extension': ('train.csv', "video 'walk_b.mp4' is now 'walk_b'"),
    'proposals with another video name': ('proposals.pkl', "video 'walk_b.avi' is now 'walk_b'"),
    'proposals in pixels': ('proposals.pkl', 'boxes of 4 videos divided'),
    'a label map that mmaction2 does not read': ('label_map.pbtxt', 'as mmaction2 reads it'),
}


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp('good'))


def _splits(root, *names):
    for name in names:
        TRAPS[name].plant(root)
    return splits_of_config(Config.fromfile(root / 'config.py'))


def _contents(root):
    return {path: path.read_bytes() for path in sorted(root.rglob('*')) if path.is_file()}


@pytest.mark.parametrize('name', MENDED)
def test_mended_copies_have_the_mistake_no_more(name, good, tmp_path):
    shutil.copytree(good, tmp_path / 'set')
    splits = _splits(tmp_path / 'set', name)
    before = _contents(tmp_path / 'set')
    mended = mend_splits(splits, tmp_path / 'out')
    file, change = MENDED[name]
    assert any(path.endswith(file) and change in text for path, text in mended.changes)
    assert [str(finding) for finding in mended.check.findings] == []
    assert mended.refused == ()
    assert _contents(tmp_path / 'set') == before


def _rows(path):
    return [line.split(',') for line in path.read_text().splitlines()]


def test_pixels_become_the_fractions_that_they_were(good, tmp_path):
    shutil.copytree(good, tmp_path / 'set')
    mend_splits(_splits(tmp_path / 'set', 'boxes in pixels'), tmp_path / 'out')
    right, mended = _rows(good / 'annotations' / 'train.csv'), _rows(tmp_path / 'out' / 'train.csv')
    assert [[*row[:2], *row[6:]] for row in mended] == [[*row[:2], *row[6:]] for row in right]
    for row, other in zip(mended, right):
        assert [float(c) for c in row[2:6]] == pytest.approx(
            [float(c) for c in other[2:6]], abs=1e-5
        )


@pytest.mark.parametrize(
    'names',
    [
        ('a header line', 'ids from 0', 'x and y swapped', 'a video name with its extension'),
        ('x and y swapped', 'boxes in pixels', 'proposals in pixels', 'Windows line ends'),
    ],
)
def test_mistakes_that_hide_one_another_are_all_mended(names, good, tmp_path):
    """Boxes that were swapped are no longer those of the columns: pixels of the swapped frame."""
    shutil.copytree(good, tmp_path / 'set')
    root = tmp_path / 'set'
    if 'boxes in pixels' in names:
        names = (
            'boxes in pixels',
            *(n for n in names if n not in ('boxes in pixels', 'x and y swapped')),
        )
    mended = mend_splits(_splits(root, *reversed(names)), tmp_path / 'out')
    assert [str(finding) for finding in mended.check.findings] == []


@pytest.mark.parametrize(
    ('name', 'why'),
    [
        ('timestamps between seconds', None),
        ('labels beyond num_classes', None),
        ('repeated rows', None),
    ],
)
def test_what_has_no_certain_mend_is_left(name, why, good, tmp_path):
    shutil.copytree(good, tmp_path / 'set')
    mended = mend_splits(_splits(tmp_path / 'set', name), tmp_path / 'out')
    assert (mended.changes, mended.copies) == ((), {})
    assert TRAPS[name].kind in {finding.kind for finding in mended.check.findings}


def test_ids_are_not_shifted_where_the_label_map_does_not_prove_it(good, tmp_path):
    """Of three classes only the first two are annotated, as 0 and 1: 0 may be anything."""
    shutil.copytree(good, tmp_path / 'set')
    splits = _splits(tmp_path / 'set', 'ids from 0')
    for name in ('train', 'val', 'test'):
        path = tmp_path / 'set' / 'annotations' / f'{name}.csv'
        path.write_text(path.read_text().replace(',2,1\n', ',0,1\n'))
    mended = mend_splits(splits, tmp_path / 'out')
    assert mended.changes == ()
    assert 'are not those of the label map' in mended.refused[0][1]


def test_pixels_of_another_size_are_left(good, tmp_path):
    """The boxes reach beyond the frames on disk, which are smaller than what was annotated."""
    shutil.copytree(good, tmp_path / 'set')
    splits = _splits(tmp_path / 'set', 'boxes in pixels')
    path = tmp_path / 'set' / 'annotations' / 'train.csv'
    rows = [[*r[:2], *(f'{float(c) * 10:g}' for c in r[2:6]), *r[6:]] for r in _rows(path)]
    path.write_text('\n'.join(map(','.join, rows)) + '\n')
    mended = mend_splits(splits, tmp_path / 'out')
    assert mended.changes == ()
    assert 'beyond the frame of 64 x 48' in mended.refused[0][1]


def test_pixels_of_another_size_are_left_where_they_fit_too(good, tmp_path):
    """Annotated on frames three times as large, in one video in the upper left alone."""
    shutil.copytree(good, tmp_path / 'set')
    path, rows = tmp_path / 'set' / 'annotations' / 'train.csv', []
    for video, second, *corners, label, person in _rows(path):
        scale = 0.3 if video == 'walk_a' else 1
        values = [float(c) * size * scale for c, size in zip(corners, (192, 144) * 2)]
        rows.append([video, second, *(f'{value:.3f}' for value in values), label, person])
    path.write_text('\n'.join(map(','.join, rows)) + '\n')
    mended = mend_splits(_splits(tmp_path / 'set'), tmp_path / 'out')
    assert mended.copies == {}
    told = ' '.join(text for _, text in mended.refused)
    assert "'walk_b' in pixels are left: they reach to" in told
    assert 'boxes of 1 more videos in pixels are left, though they fit' in told


def test_folder_that_holds_something_is_refused(good, tmp_path):
    (tmp_path / 'mine.txt').write_text('')
    with pytest.raises(FileExistsError, match='give a new folder for the mended copies'):
        mend_splits(_splits(good), tmp_path)
