"""Findings that need no planted set of their own, and what is left out of checks."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
from mmengine.config import Config
from planted_mistakes import TRAPS
from small_own_data import write_small_set

from mmlt.fileio.dataset_checks.finding import SEVERITIES, find
from mmlt.fileio.dataset_checks.loose_proposals import loose_proposals
from mmlt.fileio.dataset_checks.settings import splits_of_config
from mmlt.fileio.dataset_checks.whole import check_splits


@pytest.fixture
def root(tmp_path):
    return write_small_set(tmp_path / 'set', table=True)


def _check(root, **options):
    return check_splits(splits_of_config(Config.fromfile(root / 'config.py')), **options)


def _kinds(check):
    return {finding.kind for finding in check.findings}


def test_worst_findings_come_first(root):
    for name in ('a class without a box in val', 'train and val share a video', 'repeated rows'):
        TRAPS[name].plant(root)
    order = [SEVERITIES.index(finding.severity) for finding in _check(root).findings]
    assert order == sorted(order) and len(set(order)) > 1


def test_film_that_is_gone_is_told(root):
    (root / 'film.avi').unlink()
    (finding,) = _check(root).findings
    assert (finding.kind, finding.count, finding.severity) == ('table_file', 4, 'warning')
    assert str(root / 'film.avi') in finding.places[0].value


def test_frames_are_not_looked_for_when_not_asked(root):
    shutil.rmtree(root / 'rawframes')
    assert _check(root, frames=False).findings == ()
    assert _kinds(_check(root)) == {'missing_frames'}


@pytest.mark.parametrize('on_disk', [True, False])
def test_like_name_is_told_as_such_alone(root, on_disk):
    """A name in capitals is neither a video to be prepared nor one whose frames are elsewhere."""
    if not on_disk:  # clips straight from the film
        TRAPS['a video that the table has not'].plant(root)  # that one is told
        text = (root / 'videos.json').read_text()
        (root / 'videos.json').write_text(text.replace('"img_{:05}.jpg"', 'null'))
    TRAPS['a video name in capitals'].plant(root)
    found = [f for f in _check(root).findings if 'Walk_C' in f.where]
    assert {f.kind for f in found if f.severity == 'error'} == {'video_name'}
    others = {f.kind: f.where for f in _check(root).findings if 'walk_b' in f.where}
    assert ('video_not_in_table' in others) is not on_disk


def test_frames_that_are_gone_are_told_though_proposals_have_a_like_name(root):
    TRAPS['proposals with another video name'].plant(root)
    shutil.rmtree(root / 'rawframes' / 'walk_b')
    assert {'video_name', 'missing_frames'} <= _kinds(_check(root))


def test_proposals_that_meet_nobody(root):
    content = pickle.loads((root / 'proposals.pkl').read_bytes())
    corner = {key: np.array([[0, 0, 0.01, 0.01, 0.99]]) for key in content}
    (root / 'proposals.pkl').write_bytes(pickle.dumps(corner))
    assert _kinds(_check(root)) == {'no_overlap'}


def test_keyframes_that_are_excluded_may_be_as_they_like(root):
    """Second 7 is excluded of walk_a: no proposal, a second far outside, a shared keyframe."""
    content = pickle.loads((root / 'proposals.pkl').read_bytes())
    del content['walk_a,0007']
    (root / 'proposals.pkl').write_bytes(pickle.dumps(content))
    assert _check(root).findings == ()


def test_split_whose_keyframes_are_all_excluded_has_no_row(root):
    excluded = [f'walk_c,{second}' for second in range(8)]
    (root / 'annotations' / 'excluded.csv').write_text('\n'.join(excluded))
    check = _check(root)
    assert [f.file for f in check.findings if f.kind == 'no_rows'] == [
        str(root / 'annotations' / 'val.csv')
    ]
    assert 'val' not in check.rows


def test_files_that_two_splits_share_are_told_of_once(root):
    (root / 'annotations' / 'label_map.pbtxt').write_text('nothing')
    assert [f.kind for f in _check(root).findings].count('bad_label_map') == 1


def test_two_training_splits_may_share_a_video(root):
    text = (root / 'config.py').read_text()
    first = "train_dataloader['dataset']"
    second = f"dict({first}, ann_file=f'{{root}}/annotations/more.csv')"
    both = f"{first} = dict(type='ConcatDataset', datasets=[{first}, {second}])\n"
    (root / 'config.py').write_text(text + both)
    shutil.copy(root / 'annotations' / 'train.csv', root / 'annotations' / 'more.csv')
    assert _check(root).findings == ()


@pytest.mark.parametrize('start_index', [0, 1])
def test_frames_that_a_clip_in_seconds_reaches(tmp_path, start_index):
    """Of second 6, for the last is excluded, at 5 frames a second: one .6 s behind, place 33."""
    root = write_small_set(tmp_path / 'set')
    config = root / 'config.py'
    text = config.read_text().replace('SampleAVAFrames', 'mmlt.SampleAVATimes')
    text = text.replace('frame_interval=2, test_mode=True', 'interval_sec=0.6')
    config.write_text(text.replace('start_index=0', f'start_index={start_index}'))
    folder = root / 'rawframes' / 'walk_d'
    for number in range(34, 40):
        (folder / f'img_{number:05d}.jpg').unlink()
    if start_index:
        for number in range(33, -1, -1):
            name = folder / f'img_{number:05d}.jpg'
            name.rename(folder / f'img_{number + 1:05d}.jpg')
    others = [f for f in _check(root).findings if 'walk_d' in f.where]
    assert others == []
    (folder / f'img_{33 + start_index:05d}.jpg').unlink()
    found = [f for f in _check(root).findings if 'walk_d' in f.where]
    assert [f.kind for f in found] == ['short_frames']
    assert f'clip reaches {33 + start_index}' in found[0].where


def test_mend_of_keyframes_outside_is_that_of_the_config(root, tmp_path):
    """timestamp_start and timestamp_end are not set where a videos.json says them."""
    TRAPS['keyframes after the end of their own video'].plant(root)
    (finding,) = (f for f in _check(root).findings if f.kind == 'keyframe_outside')
    assert finding.mend.startswith('remove or correct these rows, or prepare the video again')
    plain = write_small_set(tmp_path / 'plain')
    TRAPS['keyframes after the video'].plant(plain)
    (finding,) = (f for f in _check(plain).findings if f.kind == 'keyframe_outside')
    assert finding.mend.startswith('set timestamp_start')


def test_val_and_test_that_share_a_video_are_warned_of(root):
    path = root / 'annotations' / 'test.csv'
    path.write_text(path.read_text() + 'walk_c,5,0.1,0.2,0.3,0.9,1,0\n')
    found = {f.kind: f for f in _check(root).findings}
    assert found['shared_video'].severity == found['shared_keyframe'].severity == 'warning'
    assert 'are chosen on what it is then tested on' in found['shared_keyframe'].effect
    assert 'are chosen on persons and scenes that it is' in found['shared_video'].effect


def test_proposals_that_are_no_boxes():
    box = [0.1, 0.1, 0.5, 0.9]
    content = {
        'a,0001': np.array([[*box, 0.9], [0.5, 0.1, 0.1, 0.9, 0.9], [*box, np.nan]]),
        'a,0002': np.array([[-0.2, 0.1, 0.5, 0.9]]),
        'a,2': np.array([box]),
        'no keyframe': np.array([box]),
        'b,0001': np.array(box),
        'b,0002': [box],
        'c,0001': np.empty((0, 5)),
    }
    read = loose_proposals(content, 'p.pkl')
    assert {f.kind: f.count for f in read.findings} == {'proposal_boxes': 3, 'proposal_keys': 3}
    assert read.boxes.tolist() == [box, box] and read.scores.tolist() == [0.9, 1.0]
    assert not read.in_pixels


def test_sentences_of_a_finding():
    places = [(n, f"'{n}.5'") for n in range(1, 10)]
    finding = find('float_timestamp', 'a.csv', places)
    assert str(finding) == (
        "a.csv: timestamps between whole seconds (line 1: '1.5'; line 2: '2.5'; line 3: '3.5'; "
        "line 4: '4.5'; line 5: '5.5' and 4 more). Training stops: a keyframe is a whole second, "
        'the key of its proposals and frames. Mend: annotate whole seconds; rounding would put '
        'boxes on another moment of the video.'
    )
