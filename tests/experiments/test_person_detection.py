from __future__ import annotations

import pickle

import numpy as np

from mmlt.datasets.keyframe_batches import KeyframeBatches
from mmlt.experiments.person_detection import detect_videos, hog_persons
from mmlt.fileio.feature_folder import Failure, Video

VIDEOS = [Video(name, f'{name}.mp4') for name in 'abc']


def _read(video, rule):
    """Images whose every pixel is the second: five of a and c; b breaks off after two."""
    for second in range(rule, rule + 5):
        if video.video_id == 'b' and second == rule + 2:
            raise OSError('cut off')
        yield second, np.full((4, 4, 3), second, np.uint8)


def _detect(samples):
    """As many boxes as the second says, but none of an image of 4."""
    seconds = [int(sample[0, 0, 0]) for sample in samples]
    return [np.full((second % 4, 5), second / 10) for second in seconds]


def _run(detect, last_second=None):
    written, done = {}, []
    failures = detect_videos(
        detect,
        KeyframeBatches(VIDEOS, 1, lambda results: results['img'], 2, _read),
        0,
        write=lambda video, rows: written.update({video.video_id: rows}),
        advance=lambda videos, keyframes: done.append((videos, keyframes)),
        last_second=last_second,
    )
    return failures, written, done


def test_rows_of_each_video():
    failures, written, done = _run(_detect)
    assert failures == [Failure('b', 'b.mp4', 'cut off')]
    expected = [[s, *[s / 10] * 5] for s in (1, 2, 2, 3, 3, 3, 5)]
    assert {name: rows.tolist() for name, rows in written.items()} == {'a': expected, 'c': expected}
    of_whole = [(0, 2), (0, 2), (0, 1), (1, 0)]
    assert done == [*of_whole, (0, 2), (1, 0), *of_whole]


def test_a_detector_that_fails_on_one_video():
    """The rest of that video is passed over, the others go on."""

    def fails(samples):
        if len(calls) == 1:
            calls.append('failed')
            raise ValueError('not finite')
        calls.append(len(samples))
        return _detect(samples)

    calls = []
    failures, written, _ = _run(fails)
    assert [failure.reason for failure in failures] == ['not finite', 'cut off']
    assert list(written) == ['c'] and calls == [2, 'failed', 2, 2, 2, 1]


def test_videos_that_end_early_are_told(capsys):
    _run(_detect, last_second=5)
    assert 'ends before' not in capsys.readouterr().err
    _run(_detect, last_second=6)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        'warning: a.mp4 ends before second 6',
        'warning: b.mp4 is left out: cut off',
        'warning: c.mp4 ends before second 6',
    ]


def test_the_stand_in_goes_to_other_processes():
    source = hog_persons(0.6)
    step = pickle.loads(pickle.dumps(source.pipeline))
    boxes = step({'img': np.zeros((96, 96, 3), np.uint8)})
    assert boxes.shape == (0, 5) and source.detect([boxes]) == [boxes]
    assert source.settings == {'detector': 'hog', 'score_thr': 0.6}
