from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from known_persons import (  # own_scope is a fixture
    CONFIG,
    GreenDetector,
    expected_box,
    own_scope,  # noqa: F401
    write_video,
)
from street_film import find_film

from mmlt.experiments.own_data_persons import find_persons
from mmlt.experiments.person_options import PersonOptions
from mmlt.fileio.annotation_formats import read_annotations
from mmlt.fileio.person_tracks import (
    DetectorRecord,
    read_detector_record,
    read_persons_csv,
)
from mmlt.fileio.proposals import read_proposals, write_proposals
from mmlt.fileio.video_table import VideoEntry, VideoTable

FRAME = np.array([80, 48, 80, 48])


@pytest.fixture
def table(tmp_path):
    """A film in two parts and another video, ten frames a second; the seconds begin with 5."""
    write_video(tmp_path / 'film.mp4', 45, fps=10)
    write_video(tmp_path / 'short.mp4', 11, fps=10)
    videos = {
        'film_1': VideoEntry('film.mp4', 0, 20, 80, 48),
        'film_2': VideoEntry('film.mp4', 2, 25, 80, 48),
        'short': VideoEntry('short.mp4', 0, 11, 80, 48),
    }
    return VideoTable(tmp_path, 10, 5, None, videos)


@pytest.fixture
def options(tmp_path):
    (tmp_path / 'green.py').write_text(CONFIG)
    torch.save({'state_dict': GreenDetector().state_dict()}, tmp_path / 'w.pth')
    paths = (str(tmp_path / 'green.py'), str(tmp_path / 'w.pth'))
    return PersonOptions(*paths, class_names=('sit', 'run'), num_workers=0, device='cpu')


def _expected_numbers(table):
    """(video, second) of each keyframe and the number of its frame in the file."""
    for video_id, entry in table.videos.items():
        for second in table.seconds(video_id):
            yield video_id, second, 10 * (int(entry.start_sec) + second - 5)


@pytest.mark.parametrize('num_workers', [0, 2])
def test_persons_of_every_keyframe(table, options, num_workers):
    """The green box, .9, and the whole frame, .3; the box that moves is one track a video."""
    counts = find_persons(table, options._replace(num_workers=num_workers))
    assert counts[:4] == (7, 7, 14, 7) and counts[5:] == (0, [])
    proposals = read_proposals(table.folder / 'proposals.pkl')
    expected = {f'{v},{s:04d}': number for v, s, number in _expected_numbers(table)}
    assert list(proposals) == list(expected)
    for key, number in expected.items():
        (box, whole) = proposals[key]
        np.testing.assert_allclose(box[:4], expected_box(number), atol=1.1 / 48)
        np.testing.assert_allclose(whole, [0, 0, 1, 1, 0.3], atol=1e-6)
    persons = read_persons_csv(table.folder / 'persons.csv')
    assert list(persons) == list(table.videos)
    for video_id, (seconds, boxes, scores, person_ids) in persons.items():
        rows = np.concatenate([proposals[f'{video_id},{s:04d}'] for s in table.seconds(video_id)])
        np.testing.assert_array_equal(np.column_stack([boxes, scores]), rows)
        assert seconds.tolist() == np.repeat(table.seconds(video_id), 2).tolist()
        assert set(person_ids[::2].tolist()) == {1}  # the whole frame is farther to the left
        assert counts.tracks >= 6 and 1 not in person_ids[1::2]
    assert read_detector_record(table.folder) == DetectorRecord('green', 0.05, 0.9)


def test_the_project_to_be_labelled(table, options):
    """Persons alone, at their time in the file, in its pixels."""
    find_persons(table, options)
    path = table.folder / 'persons_via.json'
    name, found = read_annotations(path)
    assert name == 'VIA 3 project'
    expected = list(_expected_numbers(table))
    assert len(found.boxes) == len(expected)
    for box, (video_id, _, number) in zip(found.boxes, expected):
        assert (box.media, box.time_sec) == (table.videos[video_id].file, number / 10)
        np.testing.assert_allclose(box.corners, expected_box(number) * FRAME, atol=1.1)
        assert (box.labels, box.person) == ((), '1')
    attributes = json.loads(path.read_text())['attribute'].values()
    assert [list(a['options'].values()) for a in attributes] == [[], ['sit', 'run']]


def _parts(table):
    folder = table.folder / 'prepare.parts'
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob('*.npy')
    }


def _written(table):
    names = ('proposals.pkl', 'persons.csv', 'persons_via.json')
    return [(table.folder / name).read_bytes() for name in names]


def test_another_run_does_what_is_new(table, options):
    few = table._replace(videos={'short': table.videos['short']})
    assert find_persons(few, options).keyframes == 2
    before = _parts(table)
    assert len(before) == 2
    assert find_persons(table, options).done_before == 1
    whole, written = _parts(table), _written(table)
    assert len(whole) == 6 and before.items() <= whole.items()
    assert find_persons(table, options).done_before == 3
    assert _parts(table) == whole and _written(table) == written


@pytest.mark.parametrize('room', ['persons', 'tracks'])
def test_what_is_cut_off_or_gone_is_made_anew(table, options, room):
    find_persons(table, options)
    whole, written = _parts(table), _written(table)
    folder = table.folder / 'prepare.parts' / room
    cut, gone, _ = sorted(folder.iterdir())
    cut.write_bytes(cut.read_bytes()[:-5])
    gone.unlink()
    counts = find_persons(table, options)
    assert counts.done_before == (1 if room == 'persons' else 3)
    assert _written(table) == written
    after = _parts(table)
    assert {name for name in whole if after[name] != whole[name]} == {
        f'{room}/{cut.name}',
        f'{room}/{gone.name}',
    }


def test_other_settings_and_other_files_are_detected_anew(table, options):
    find_persons(table, options)
    assert find_persons(table, options._replace(score_thr=0.5)).boxes == 7
    assert read_detector_record(table.folder) == DetectorRecord('green', 0.5, 0.9)
    write_video(table.folder / 'short.mp4', 11, fps=5)
    videos = {**table.videos, 'film_2': VideoEntry('film.mp4', 3, 15, 80, 48)}
    counts = find_persons(table._replace(videos=videos), options)
    assert (counts.done_before, counts.boxes) == (1, 12)
    second = read_proposals(table.folder / 'proposals.pkl')['film_2,0005']
    np.testing.assert_allclose(second[0, :4], expected_box(30), atol=1.1 / 48)


def test_videos_that_cannot_be_read_are_left_out(table, options, capsys):
    whole = (table.folder / 'short.mp4').read_bytes()
    (table.folder / 'short.mp4').write_bytes(b'no video')
    videos = {
        **table.videos,
        'gone': VideoEntry('gone.mp4', 0, 10, 80, 48),
        'wide': VideoEntry('film.mp4', 0, 10, 96, 48),
    }
    many = table._replace(videos=videos)
    counts = find_persons(many, options)
    assert {failure.video_id for failure in counts.failures} == {'short', 'gone', 'wide'}
    reasons = {failure.video_id: failure.reason for failure in counts.failures}
    assert 'short.mp4' in reasons['short'] and 'gone.mp4' in reasons['gone']
    assert "80 x 48, not 96 x 48 as videos.json says of 'wide'" in reasons['wide']
    assert capsys.readouterr().err.count('is left out') == 3
    assert set(read_persons_csv(table.folder / 'persons.csv')) == {'film_1', 'film_2'}
    (table.folder / 'short.mp4').write_bytes(whole)
    assert find_persons(table, options).failures == []
    assert len(read_proposals(table.folder / 'proposals.pkl')) == 7


def test_without_any_video_nothing_is_written(table, options):
    find_persons(table, options)
    written = _written(table)
    gone = table._replace(videos={'gone': VideoEntry('gone.mp4', 0, 10, 80, 48)})
    assert len(find_persons(gone, options).failures) == 1
    assert _written(table) == written


def test_proposals_of_others_stay(table, options):
    path = table.folder / 'proposals.pkl'
    write_proposals(path, {'film_1,0005': np.array([[0, 0, 1, 1, 1.0]])})
    with pytest.raises(FileExistsError, match='proposals.pkl: was not made here.*--no-persons'):
        find_persons(table, options)
    assert len(read_proposals(path)) == 1
    find_persons(table, options._replace(overwrite=True))
    assert len(read_proposals(path)) == 7


def test_a_project_with_actions_stays(table, options, capsys):
    find_persons(table, options)
    path = table.folder / 'persons_via.json'
    content = json.loads(path.read_text())
    next(iter(content['metadata'].values()))['av']['2'] = '1'
    path.write_text(json.dumps(content))
    find_persons(table, options._replace(class_names=('other',)))
    assert json.loads(path.read_text()) == content
    assert 'persons_via.json: somebody has worked on it: left as it is' in capsys.readouterr().err


def test_hog_on_a_street(tmp_path, capsys):
    """Two seconds from second 30 on: the six walkers of both, and who is who."""
    videos = {'street': VideoEntry(str(find_film()), 30, 20, 768, 576)}
    table = VideoTable(tmp_path, 10, 900, None, videos)
    told = []

    class Watch:
        def __init__(self, text, total):
            told.append((text, total))

        def __enter__(self):
            return lambda: told.append(None)

        def __exit__(self, *_):
            pass

    counts = find_persons(table, PersonOptions(num_workers=1), watch=Watch)
    assert counts.keyframes == counts.with_persons == 2
    assert told == [
        ('keyframes searched for persons', 2),
        *[None] * 2,
        ('videos with persons tracked', 1),
        None,
    ]
    assert "OpenCV's HOG detector, a stand-in" in capsys.readouterr().err
    assert read_detector_record(tmp_path) == DetectorRecord('hog', 0.5, 0.7)
    seconds, _, scores, person_ids = read_persons_csv(tmp_path / 'persons.csv')['street']
    persons = [set(person_ids[(seconds == s) & (scores >= 0.7)].tolist()) for s in (900, 901)]
    assert len(persons[0] & persons[1]) >= 5
    _, found = read_annotations(tmp_path / 'persons_via.json')
    assert {box.time_sec for box in found.boxes} == {30, 31}
