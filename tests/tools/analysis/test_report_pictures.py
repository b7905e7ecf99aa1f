"""``report.py --frames``: the pictures of what a detector did."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.runs.folder import write_results
from mmlt.fileio.detections import read_detections, write_detections
from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table
from mmlt.functional import ava_boxes_from_arrays, read_ava_csv
from mmlt.functional.detection.ava_boxes import take_rows

TOOL = Path(__file__).parents[3] / 'tools' / 'analysis' / 'report.py'
LEFT, RIGHT = (0.1, 0.2, 0.4, 0.9), (0.5, 0.2, 0.9, 0.9)


@pytest.fixture
def main():
    spec = importlib.util.spec_from_file_location('report_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *arguments: module.main([str(argument) for argument in arguments])


@pytest.fixture
def world(tmp_path):
    """Two videos of two seconds, prepared at 2 frames a second; a run; its annotations."""
    rows = [(v, t, box, 1 + (box is RIGHT), i)
            for v in 'ab' for t in (0, 1) for i, box in enumerate((LEFT, RIGHT))]  # fmt: skip
    lines = (f'{v},{t},{",".join(map(str, box))},{c},{i}\n' for v, t, box, c, i in rows)
    truth = tmp_path / 'val.csv'
    truth.write_text(''.join(lines))
    scored = np.random.default_rng(0).random((len(rows), 2)).round(3)
    labelled = (
        (row, *pair) for row, pair_of in zip(rows, scored) for pair in enumerate(pair_of, 1)
    )
    found = [(*row[:3], label, score) for row, label, score in labelled]
    detections = ava_boxes_from_arrays(*zip(*found))
    names = {1: 'sit', 2: 'fly <high>', 3: 'swim'}
    metrics = evaluate_ava(detections, read_ava_csv(truth), names, num_trials=1)
    write_results(metrics, tmp_path / 'run')
    write_detections(tmp_path / 'run' / 'detections.parquet', detections)
    data = tmp_path / 'data'
    for video in 'ab':
        (data / 'rawframes' / video).mkdir(parents=True)
        for number in range(4):
            image = np.full((48, 64, 3), 60 * number, np.uint8)
            cv2.imwrite(str(data / 'rawframes' / video / f'img_{number:05d}.jpg'), image)
    videos = {video: VideoEntry(f'{video}.mp4', 0.0, 4, 64, 48) for video in 'ab'}
    write_video_table(VideoTable(data, 2, 0, 'img_{:05}.jpg', videos))
    return tmp_path


def _page(world, name='run/report.html'):
    return (world / name).read_text(encoding='utf-8')


def _classes(page):
    return re.findall('<summary><b>(.*?)</b>', page)


def test_pictures_beside_the_numbers(main, world, capsys):
    truth = ('--ground-truth', world / 'val.csv', '--num-resamples', 0)
    assert main(world / 'run', '--frames', world / 'data', *truth) == 0
    page, streams = _page(world), capsys.readouterr()
    assert 'warning' not in streams.err
    assert streams.out.endswith(f'report: {world / "run" / "report.html"}\n')
    # of each class 4 boxes: 2 hits and 2 misses; the other person of each keyframe is an alarm
    assert page.count('<img src="data:image/jpeg;base64,') == 2 * (2 + 2 + 4)
    assert sorted(_classes(page)) == ['fly &lt;high&gt;', 'sit']
    assert not (world / 'run' / 'intervals.json').exists()


def test_classes_that_are_asked_for_by_name_and_id(main, world):
    arguments = ('--frames', world / 'data', '--ground-truth', world / 'val.csv')
    arguments += ('--num-resamples', 0, '--examples', 3, 'sit')
    assert main(world / 'run', *arguments) == 0
    assert _classes(_page(world))[-1] == 'swim' and len(_classes(_page(world))) == 3


def test_with_annotations_intervals_are_made_too(main, world):
    arguments = ('--frames', world / 'data', '--ground-truth', world / 'val.csv')
    assert main(world / 'run', *arguments, '--num-resamples', 5) == 0
    assert 'How sure the means are' in _page(world) and '<img' in _page(world)


def test_annotations_come_from_the_runs_own_config(main, world):
    (world / 'run' / 'vis_data').mkdir()
    evaluator = f"dict(ann_file='{world / 'val.csv'}', type='mmlt.AVALongTailMetric')"
    config = world / 'run' / 'vis_data' / 'config.py'
    config.write_text(f'test_evaluator = {evaluator}\n')
    assert main(world / 'run', '--frames', world / 'data') == 0
    assert _page(world).count('<img') == 16
    assert not (world / 'run' / 'intervals.json').exists()


def test_a_lost_frame_is_a_remark_and_a_warning(main, world, capsys):
    (world / 'data' / 'rawframes' / 'a' / 'img_00002.jpg').unlink()
    truth = ('--ground-truth', world / 'val.csv', '--num-resamples', 0)
    assert main(world / 'run', '--frames', world / 'data', *truth) == 0
    reason = 'a/img_00002.jpg does not exist'
    page = _page(world)
    assert page.count(f'No picture: {reason}') == 4 and page.count('<img') == 12
    assert capsys.readouterr().err == f'warning: 4 of 16 pictures are absent: {reason}\n'


def test_folders_of_frames_with_the_options_of_the_dataset(main, world, capsys):
    truth = ('--ground-truth', world / 'val.csv', '--num-resamples', 0)
    frames = ('--frames', world / 'data' / 'rawframes', '--fps', 2, '--timestamp-start', 0)
    arguments = (world / 'run', *truth, *frames)
    assert main(*arguments, '--start-index', 0, '--filename-tmpl', 'img_{:05}.jpg') == 0
    by_options = re.findall('src="(.*?)"', _page(world))
    assert main(world / 'run', *truth, '--frames', world / 'data', '--overwrite') == 0
    assert re.findall('src="(.*?)"', _page(world)) == by_options
    assert main(world / 'run', *truth, '--frames', world / 'data', '--fps', 2, '--overwrite') == 2
    assert 'videos.json says which frame is which second' in capsys.readouterr().err


def test_pictures_of_one_video_need_no_intervals(main, world, capsys):
    """As of a film that was cut into three: one video to train, one to validate, one to test on."""
    truth, run = world / 'one.csv', world / 'run'
    lines = (world / 'val.csv').read_text().splitlines(keepends=True)
    truth.write_text(''.join(line for line in lines if line[0] == 'a'))
    found = read_detections(run / 'detections.parquet')
    own = take_rows(found, np.flatnonzero(found.video_names[found.video_index] == 'a'))
    names = {1: 'sit', 2: 'fly <high>', 3: 'swim'}
    shutil.rmtree(run)
    write_results(evaluate_ava(own, read_ava_csv(truth), names, num_trials=1), run)
    write_detections(run / 'detections.parquet', own)
    assert main(run, '--frames', world / 'data', '--ground-truth', truth) == 0
    assert 'note: no intervals, which need two videos at least' in capsys.readouterr().err
    assert _page(world).count('<img') == 8
    assert main(run, '--ground-truth', truth, '--overwrite') == 2  # which asks for nothing else
    assert 'needs two at least, got 1' in capsys.readouterr().err


def test_of_several_runs_the_last_is_shown(main, world):
    other = shutil.copytree(world / 'run', world / 'other')
    (other / 'detections.parquet').unlink()  # it is not needed
    truth = ('--ground-truth', world / 'val.csv', '--num-resamples', 0)
    assert main(other, world / 'run', '--frames', world / 'data', *truth) == 0
    page = _page(world, 'other/report-other-run.html')
    assert 'Of run alone.' in page and page.count('<img') == 16


def test_what_is_lacking_is_one_line(main, world, capsys):
    frames = ('--frames', world / 'data')
    assert main(world / 'run', *frames) == 2
    assert 'names no annotations that are: give --ground-truth' in capsys.readouterr().err
    truth = ('--ground-truth', world / 'val.csv')
    assert main(world / 'run', *frames, *truth, '--examples', 'run') == 2
    assert "no class 'run'; the run has 1 sit, 2 fly <high>, 3 swim" in capsys.readouterr().err
    (world / 'run' / 'detections.parquet').unlink()
    assert main(world / 'run', *frames, *truth) == 2
    assert 'evaluate with test_evaluator.dump=detections.parquet' in capsys.readouterr().err
    assert not (world / 'run' / 'report.html').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--examples', 'sit'], '--examples takes --frames'),
        (['--timestamp-start', '0'], '--timestamp-start takes --frames'),
        (['--frames', 'x', '--fps', '0'], '--fps must be above 0, not 0.0'),
        (['--num-resamples', '-1'], '--num-resamples must be at least 0, not -1'),
    ],
)
def test_refused_options(main, world, capsys, options, message):
    with pytest.raises(SystemExit):
        main(world / 'run', *options)
    assert message in capsys.readouterr().err
