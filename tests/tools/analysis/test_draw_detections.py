from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlt.fileio.detections import write_detections
from mmlt.fileio.image_frames import read_video, video_fps
from mmlt.functional import read_ava_csv
from mmlt.visualization.boxes import DETECTION_COLOR, GROUND_TRUTH_COLOR

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'draw_detections.py'
LABEL_MAP = 'item {\n  name: "sit"\n  id: 1\n}\nitem {\n  name: "stand"\n  id: 2\n}\n'


@pytest.fixture
def main(tmp_path):
    """The tool on three seconds of frames, two a second, with a detection in the middle one."""
    (tmp_path / 'map.pbtxt').write_text(LABEL_MAP)
    (tmp_path / 'detections.csv').write_text(
        'vid,0901,0.250,0.250,0.750,0.750,1,0.9\nvid,0902,0.250,0.250,0.750,0.750,1,0.2\n'
    )
    (tmp_path / 'gt.csv').write_text('vid,0900,0.250,0.250,0.750,0.750,2,7\n')
    frames = tmp_path / 'frames'
    frames.mkdir()
    for number in range(1, 7):
        cv2.imwrite(str(frames / f'img_{number:05d}.png'), np.full((60, 80, 3), 128, np.uint8))
    spec = importlib.util.spec_from_file_location('draw_detections', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def _main(*options, detections='detections.csv', source=('--frames', frames, '--fps', '2')):
        standard = ['--label-map', tmp_path / 'map.pbtxt', '--timestamp-start', '900']
        arguments = [tmp_path / detections, *standard, '--video-id', 'vid', *source, *options]
        return module.main([str(argument) for argument in arguments])

    return _main


def _colored(image, color, tolerance=0):
    distance = np.abs(image.astype(int) - np.array(color)).max(axis=-1)
    return int((distance <= tolerance).sum())


def _images(folder):
    return [cv2.imread(str(path)) for path in sorted(folder.iterdir())]


def test_boxes_stay_for_their_second(main, tmp_path, capsys):
    out = tmp_path / 'out'
    assert main('--out', out, '--ground-truth', tmp_path / 'gt.csv') == 0
    images = _images(out)
    assert [_colored(image, DETECTION_COLOR) > 0 for image in images] == [False] * 2 + [
        True, True, False, False]  # fmt: skip
    assert [_colored(image, GROUND_TRUTH_COLOR) > 0 for image in images] == [True] * 2 + [False] * 4
    assert images[0].shape == (480, 640, 3)
    assert capsys.readouterr().out.endswith(f'drawn: {out}\n')


def test_a_lower_threshold_shows_more(main, tmp_path):
    assert main('--out', tmp_path / 'out', '--min-score', '0.1', '--scale', '1') == 0
    images = _images(tmp_path / 'out')
    assert [_colored(image, DETECTION_COLOR) > 0 for image in images] == [False] * 2 + [True] * 4
    assert images[0].shape == (60, 80, 3)


def test_video_in_and_out_and_parquet(main, tmp_path):
    video = tmp_path / 'clip.mp4'
    assert main('--out', video) == 0
    assert video_fps(video) == 2
    boxes = read_ava_csv(tmp_path / 'detections.csv')
    write_detections(tmp_path / 'detections.parquet', boxes)
    out = tmp_path / 'out.mp4'
    source = ('--video', video, '--timestamp-start', '898', '--scale', '1')
    assert main('--out', out, detections='detections.parquet', source=source) == 0
    orange = [_colored(frame.image, DETECTION_COLOR, 40) for frame in read_video(out)]
    assert len(orange) == 6  # 898 to 900: the boxes of 901 are the first drawing's alone
    assert [count > 500 for count in orange] == [False] * 2 + [True] * 2 + [False] * 2


def test_the_source_is_never_the_target(main, tmp_path, capsys):
    frames = tmp_path / 'frames'
    before = {path.name: path.read_bytes() for path in frames.iterdir()}
    (tmp_path / 'link').symlink_to(frames)
    for out in (frames, tmp_path / 'frames' / '..' / 'frames', tmp_path / 'link'):
        with pytest.raises(SystemExit):
            main('--out', out, '--overwrite')
        assert 'is the source itself, which would be lost' in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in frames.iterdir()} == before
    video = tmp_path / 'clip.mp4'
    video.write_bytes(b'precious')
    with pytest.raises(SystemExit):
        main('--out', video, '--overwrite', source=('--video', video))
    assert video.read_bytes() == b'precious'


def test_seconds_that_hit_no_keyframe_are_told(main, tmp_path, capsys):
    assert main('--out', tmp_path / 'out', '--timestamp-start', '0') == 0
    assert (
        'warning: nothing is drawn: the frames show seconds 0 to 2, the keyframes with boxes are '
        '901 to 901; see --timestamp-start\n'
    ) in capsys.readouterr().err
    assert main('--out', tmp_path / 'b', '--min-score', '1') == 0
    assert 'with boxes are none (see --min-score)' in capsys.readouterr().err
    assert main('--out', tmp_path / 'c') == 0
    assert 'warning' not in capsys.readouterr().err


def test_keyframes_outside_of_the_frames_are_told(main, tmp_path, capsys):
    options = ('--min-score', '0.1', '--timestamp-start', '899')  # 899 to 901; there is one in 902
    assert main('--out', tmp_path / 'out', *options) == 0
    assert (
        'warning: 1 of 2 keyframes with boxes are not drawn: the frames show seconds 899 to 901; '
        'see --timestamp-start and --fps\n'
    ) in capsys.readouterr().err


def test_the_suffix_may_be_in_capitals(main, tmp_path):
    assert main('--out', tmp_path / 'CLIP.MP4') == 0
    assert video_fps(tmp_path / 'CLIP.MP4') == 2


def test_errors_are_one_line_and_nothing_is_overwritten(main, tmp_path, capsys):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'mine.txt').write_text('precious')
    assert main('--out', tmp_path / 'out') == 2
    assert 'the folder is not empty; pass --overwrite' in capsys.readouterr().err
    for out in (tmp_path / 'b', tmp_path / 'd' / 'b.mp4'):
        assert main('--out', out, '--video-id', 'other') == 2
        assert "no box of 'other'; there are videos vid" in capsys.readouterr().err
    assert not (tmp_path / 'b').exists() and not (tmp_path / 'd').exists()
    assert main('--out', tmp_path / 'c.mp4', '--start-index', '4') == 2
    assert 'frame 1 is before start_index 4' in capsys.readouterr().err
    assert not (tmp_path / 'c.mp4').exists()


@pytest.mark.parametrize(
    ('option', 'value', 'message'),
    [
        ('--fps', '0', '--fps must be positive'),
        ('--top', '0', '--top must be positive'),
        ('--out', 'drawn.avi', '--out must end in .mp4 or be a folder'),
    ],
)
def test_refused_options(main, tmp_path, capsys, option, value, message):
    with pytest.raises(SystemExit):
        main('--out', tmp_path / 'out', option, value)
    assert message in capsys.readouterr().err
