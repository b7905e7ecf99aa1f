"""Video names that differ by mistake, and those that differ."""

from __future__ import annotations

import pytest

from mmlt.fileio.dataset_checks.annotation_rows import read_annotated_rows
from mmlt.fileio.dataset_checks.frame_checks import media_names
from mmlt.fileio.dataset_checks.name_checks import name_findings, similar_names


@pytest.mark.parametrize(
    ('name', 'other'),
    [('Clip', 'clip'), ('clip.mp4', 'clip'), ('clip', 'clip.AVI'), ('clip_7', 'clip_007')],
)
def test_slips_are_found(name, other):
    assert similar_names([name], [other, 'another']) == {name: [other]}


@pytest.mark.parametrize(
    ('name', 'others'),
    [('clip', ['clip', 'Clip']), ('clip', ['clips']), ('clip_7', ['clip_70']), ('a.b', ['a'])],
)
def test_other_names_are_none(name, others):
    assert similar_names([name], others) == {}


def _rows(tmp_path, *videos):
    path = tmp_path / 'a.csv'
    path.write_text(''.join(f'{video},1,0,0,1,1,1,0\n' for video in videos))
    return read_annotated_rows(path)


def test_slip_is_told_once_a_video_at_its_first_row(tmp_path):
    rows = _rows(tmp_path, 'b', 'A', 'A', 'c')
    (finding,) = name_findings(rows, {'p.pkl': ['a', 'b', 'd']}, {'p.pkl': 'proposals'})
    assert finding.kind == 'video_name' and finding.count == 1
    assert finding.places == ((2, "'A', there 'a'"),)
    assert 'Their proposals are not found' in str(finding)


def test_two_names_of_one_video_in_a_file_are_a_doubt(tmp_path):
    rows = _rows(tmp_path, 'b', 'B.mp4', 'c', 'c.d', 'x_1', 'x_01')
    (finding,) = name_findings(rows, {}, {})
    assert (finding.kind, finding.severity) == ('name_variants', 'doubt')
    assert finding.places == ((2, "'b' and 'B.mp4'"),)


def test_videos_in_folders_of_folders_are_there(tmp_path):
    """A clip of the same name that lies elsewhere is another one."""
    for folder in ('morning/clip', 'clip'):
        (tmp_path / folder).mkdir(parents=True)
    names = media_names(str(tmp_path), ['morning/clip', 'evening/clip'])
    assert names == {'morning', 'clip', 'morning/clip'}
    assert similar_names(['morning/clip'], names) == {}
    assert media_names('', ['clip']) == media_names(str(tmp_path / 'no'), ['clip']) == set()
