"""``draw_detections.py --data``: on the video files of a prepared data set."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mmlt.fileio.image_frames import read_video, video_fps
from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table
from mmlt.visualization.boxes import DETECTION_COLOR, GROUND_TRUTH_COLOR

TOOL = Path(__file__).parents[3] / 'tools' / 'analysis' / 'draw_detections.py'
FPS = 4  # of the data set
LABEL_MAP = 'item {\n  name: "sit"\n  id: 1\n}\n'


def _write_film(path, times):
    """Frames at these times, s, of a variable rate: a white bar stands at 15 t."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=100)
        stream.width, stream.height, stream.pix_fmt = 320, 64, 'yuv420p'
        stream.time_base = stream.codec_context.time_base = Fraction(1, 100)
        for sec in times:
            image = np.zeros((64, 320, 3), np.uint8)
            image[:, round(15 * sec) : round(15 * sec) + 10] = 255
            frame = av.VideoFrame.from_ndarray(image, format='bgr24')
            frame.pts, frame.time_base = round(100 * sec), Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def data(tmp_path):
    """A film of 20 s cut in two; its frames come at 10, then at 3 a second."""
    times = [*np.arange(0, 8, 0.1), *np.arange(8, 20, 1 / 3)]
    _write_film(tmp_path / 'film.mp4', np.round(times, 2).tolist())
    parts = {'film_1': VideoEntry('film.mp4', 0.0, 40, 320, 64),
             'film_2': VideoEntry('film.mp4', 10.0, 11, 320, 64)}  # fmt: skip
    write_video_table(VideoTable(tmp_path, FPS, 0, None, parts))
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'label_map.pbtxt').write_text(LABEL_MAP)
    box = '0.250,0.250,0.750,0.750,1'
    (tmp_path / 'found.csv').write_text(f'film_2,1,{box},0.9\nfilm_2,2,{box},0.2\n')
    (tmp_path / 'truth.csv').write_text(f'film_2,0,{box},7\nfilm_2,2,{box},7\n')
    return tmp_path


@pytest.fixture
def main(data):
    spec = importlib.util.spec_from_file_location('draw_detections', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def _main(*options):
        arguments = [data / 'found.csv', '--data', data, '--scale', 1, *options]
        return module.main([str(argument) for argument in arguments])

    return _main


def _has(image, color, tolerance=40):
    return bool((np.abs(image.astype(int) - color).max(axis=-1) <= tolerance).sum() > 30)


def test_boxes_stay_around_their_keyframe(main, data):
    """Frames 0 to 10 are of seconds 0 to 2.5: second 1 is nearest from 0.5 to 1.5 s."""
    out = data / 'drawn'
    assert main('--video-id', 'film_2', '--ground-truth', data / 'truth.csv', '--out', out) == 0
    paths = sorted(out.iterdir())
    assert [path.name for path in paths] == [f'img_{number:05d}.jpg' for number in range(11)]
    images = [cv2.imread(str(path)) for path in paths]
    assert [_has(image, DETECTION_COLOR) for image in images] == [False] * 2 + [True] * 4 + [
        False] * 5  # fmt: skip
    assert [_has(image, GROUND_TRUTH_COLOR) for image in images] == [True] * 2 + [False] * 4 + [
        True] * 5  # fmt: skip
    assert images[0].shape == (64, 320, 3)


def test_frames_are_those_of_the_part_by_time(main, data):
    """Frame k is what the film shows k / 4 s after second 10: there it has three a second."""
    out = data / 'drawn.mp4'
    assert main('--video-id', 'film_2', '--out', out) == 0
    assert video_fps(out) == FPS
    bars = [np.flatnonzero(frame.image[:8].mean((0, 2)) > 128).mean() for frame in read_video(out)]
    shown = [10 + np.floor(0.75 * k + 1e-3) / 3 for k in range(11)]
    np.testing.assert_allclose(bars, 15 * np.array(shown) + 4.5, atol=1)


def test_the_source_is_never_the_target(main, data, capsys):
    before = (data / 'film.mp4').read_bytes()
    for out in (data / 'film.mp4', data):
        assert main('--video-id', 'film_2', '--out', out, '--overwrite') == 2
        assert 'is the source itself, which would be lost' in capsys.readouterr().err
    assert (data / 'film.mp4').read_bytes() == before


def test_what_is_not_there_is_named(main, data, capsys):
    assert main('--video-id', 'film', '--out', data / 'a.mp4') == 2
    assert "videos.json: no video 'film'; it has film_1, film_2" in capsys.readouterr().err
    assert main('--video-id', 'film_1', '--out', data / 'a.mp4') == 2
    assert "no box of 'film_1'; there are videos film_2" in capsys.readouterr().err
    (data / 'film.mp4').unlink()
    assert main('--video-id', 'film_2', '--out', data / 'a.mp4') == 2
    assert 'film.mp4: no such video' in capsys.readouterr().err
    assert not (data / 'a.mp4').exists()


@pytest.mark.parametrize('option', ['--fps', '--timestamp-start', '--start-index'])
def test_what_the_table_says_is_no_option(main, data, capsys, option):
    with pytest.raises(SystemExit):
        main('--video-id', 'film_2', '--out', data / 'a.mp4', option, 2)
    assert f'{option}: videos.json of --data says it' in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--label-map', '--timestamp-start'])
def test_other_sources_need_what_the_table_would_say(data, capsys, option):
    spec = importlib.util.spec_from_file_location('draw_detections', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    known = {'--label-map': data / 'annotations' / 'label_map.pbtxt', '--timestamp-start': 0}
    known.pop(option)
    arguments = [data / 'found.csv', '--video', data / 'film.mp4', '--video-id', 'film_2']
    arguments += ['--out', data / 'a.mp4', *(part for pair in known.items() for part in pair)]
    with pytest.raises(SystemExit):
        module.main([str(argument) for argument in arguments])
    assert f'the following arguments are required: {option}' in capsys.readouterr().err
