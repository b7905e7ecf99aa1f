"""The command: what it prints, what it writes, and how it ends when something is wrong."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import via3
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.proposals import write_proposals
from mmlt.fileio.video_table import (
    FRAME_TMPL,
    VideoEntry,
    VideoTable,
    read_video_table,
    write_video_table,
)
from mmlt.registry import DATASETS, METRICS

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'data' / 'import_annotations.py'
SECONDS, FPS, WIDTH, HEIGHT = 4, 5, 80, 60
ATTRIBUTES = [
    via3.attribute('pose', options=['stand', 'walk']),
    via3.attribute('hands', options=['wave']),
    via3.attribute('track', via3.TEXT),
]
BOX = [2, 8, 6, 16, 30]


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('import_annotations', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    """Four prepared videos, their frames on disk at half the size, and a proposal a keyframe."""
    folder = tmp_path / 'mine'
    videos = {
        name: VideoEntry(f'../{name}.mp4', 0, SECONDS * FPS, WIDTH, HEIGHT)
        for name in ('a', 'b', 'c', 'd')
    }
    table = VideoTable(folder, FPS, 0, FRAME_TMPL, videos)
    write_video_table(table)
    image = np.zeros((HEIGHT // 2, WIDTH // 2, 3), np.uint8)
    proposals = {}
    for name in videos:
        (table.frame_folder / name).mkdir(parents=True)
        for number in range(SECONDS * FPS):
            cv2.imwrite(str(table.frame_folder / name / FRAME_TMPL.format(number)), image)
        for second in range(SECONDS):
            proposals[f'{name},{second:04d}'] = np.array([[0.1, 0.1, 0.35, 0.65, 0.95]])
    write_proposals(folder / 'proposals.pkl', proposals)
    return folder


def _project(path, rows, attributes=ATTRIBUTES):
    content = via3.project(sorted({row[0] for row in rows}), rows, attributes)
    path.write_text(json.dumps(content), encoding='utf-8')
    return path


def _rows():
    """A person a second: standing and, in the last second of each video, waving."""
    return [
        (f'{name}.mp4', [second], BOX, {'1': '0', '2': '0' if second == 3 else '', '3': '7'})
        for name in 'abcd'
        for second in range(SECONDS)
    ]


def _dataset(cfg, split):
    return DATASETS.build({**cfg[f'{split}_dataloader'].dataset, 'pipeline': []})


def test_from_a_project_to_datasets_and_metrics(tool, folder, tmp_path, capsys):
    labels = _project(tmp_path / 'labels.json', _rows())
    command = [str(labels), '--out', str(folder), '--attribute', 'pose', 'hands']
    command += ['--split', '0.5', '0.25', '0.25']
    assert tool.main(command) == 0
    printed = capsys.readouterr().out
    for said in (
        'labels.json: VIA 3 project, 16 boxes',
        "the action is 'pose', 'hands', the person 'track'",
        'boxes in pixels of the file as it is shown',
        'class  train  val  test  group\n',
        'stand      8    4     4   head\n',
        'wave       2    1     1   tail\n',
        'videos: train 2, val 1, test 1\n',
        f'train with: tools/dist_train.sh {folder}/config.py GPUS\n',
    ):
        assert said in printed, said
    init_default_scope('mmaction')
    cfg = Config.fromfile(folder / 'config.py')
    for split, videos in (('train', 2), ('val', 1), ('test', 1)):
        dataset = _dataset(cfg, split)
        assert len(dataset) == videos * SECONDS
        info = dataset.get_data_info(0)
        np.testing.assert_allclose(info['gt_bboxes'], [[0.1, 0.1, 0.3, 0.6]])
        assert info['entity_ids'].tolist() == [7]
        np.testing.assert_allclose(info['proposals'], [[0.1, 0.1, 0.35, 0.65]])
    metric = METRICS.build(cfg.test_evaluator)
    assert metric.label_map == {1: 'stand', 2: 'wave'}


def test_boxes_on_images_of_frames_are_in_pixels_of_these(tool, folder, tmp_path, capsys):
    rows = [
        (f'rawframes/{name}/img_{FPS * second:05d}.jpg', [], [2, 4, 3, 8, 15], {'1': '1'})
        for name in 'abcd'
        for second in range(SECONDS)
    ]
    labels = _project(tmp_path / 'labels.json', rows, ATTRIBUTES[:1])
    assert tool.main([str(labels), '--out', str(folder)]) == 0
    assert '16 boxes on images VIDEO/img_{:05}.jpg: frames, 5 a second' in capsys.readouterr().out
    row = (folder / 'annotations' / 'train.csv').read_text(encoding='utf-8').splitlines()[1]
    assert row.partition(',')[2] == '1,0.1,0.1,0.3,0.6,1,1'


@pytest.mark.parametrize(
    ('unit', 'options'),
    [((1, 1), []), ((WIDTH, HEIGHT), []), ((1, 1), ['--box-unit', 'fractions'])],
)
def test_ava_in_fractions_and_pixels_is_the_same(tool, folder, tmp_path, unit, options):
    x, y = unit
    rows = [
        f'{name},{s},{0.1 * x},{0.1 * y},{0.3 * x},{0.6 * y},2' for name in 'abcd' for s in (1, 2)
    ]
    (tmp_path / 'boxes.csv').write_text('\n'.join(rows), encoding='utf-8')
    names = 'item {\n  name: "sit"\n  id: 2\n}\n'
    (tmp_path / 'map.pbtxt').write_text(names, encoding='utf-8')
    command = [str(tmp_path / 'boxes.csv'), '--out', str(folder), *options]
    assert tool.main([*command, '--label-map', str(tmp_path / 'map.pbtxt')]) == 0
    assert read_label_map(folder / 'annotations' / 'label_map.pbtxt') == {2: 'sit'}
    row = (folder / 'annotations' / 'val.csv').read_text(encoding='utf-8').splitlines()[0]
    assert row.partition(',')[2] == '1,0.1,0.1,0.3,0.6,2,0'


def test_straight_from_the_video_files(tool, folder, tmp_path):
    """Without frames on disk the same config reads the video files."""
    table = read_video_table(folder)._replace(filename_tmpl=None)
    write_video_table(table, overwrite=True)
    for name in table.videos:
        table.video_path(name).touch()
    labels = _project(tmp_path / 'labels.json', _rows())
    assert tool.main([str(labels), '--out', str(folder), '--attribute', 'pose']) == 0
    init_default_scope('mmaction')
    info = _dataset(Config.fromfile(folder / 'config.py'), 'val').get_data_info(1)
    video = info['video_id']
    assert info['filename'] == str(tmp_path / f'{video}.mp4')
    np.testing.assert_allclose(info['gt_bboxes'], [[0.1, 0.1, 0.3, 0.6]])


def test_frames_counted_from_one_at_another_rate(tool, folder, tmp_path):
    """VIDEO_000031.jpg, second 1 of 30 frames a second: as tools for AVA-like sets name images."""
    rows = [
        (f'{name}_0000{31 + 30 * s}.jpg', [], BOX, {'1': '0'}) for name in 'abcd' for s in (0, 1)
    ]
    labels = _project(tmp_path / 'labels.json', rows, ATTRIBUTES[:1])
    size = ['--image-size', str(WIDTH), str(HEIGHT)]
    command = [str(labels), '--out', str(folder), *size]
    assert tool.main([*command, '--image-numbers', '30:1']) == 0
    lines = (folder / 'annotations' / 'val.csv').read_text(encoding='utf-8').splitlines()
    assert [line.split(',')[1] for line in lines] == ['1', '2']


def test_a_second_import_is_asked_for(tool, folder, tmp_path, capsys):
    labels = _project(tmp_path / 'labels.json', _rows())
    command = [str(labels), '--out', str(folder), '--attribute', 'pose']
    assert tool.main(command) == 0
    before = {file: file.read_bytes() for file in folder.rglob('*') if file.is_file()}
    assert tool.main([*command, '--seed', '1']) == 2
    said = capsys.readouterr().err
    assert said.startswith('error: ') and 'exists already; pass --overwrite' in said
    assert before == {file: file.read_bytes() for file in folder.rglob('*') if file.is_file()}
    assert tool.main([*command, '--overwrite']) == 0
    assert before == {file: file.read_bytes() for file in folder.rglob('*') if file.is_file()}


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ([], "which attribute is the action.* --attribute; the project has 'pose', 'hands', 'tra"),
        (['--attribute', 'mood'], "no attribute 'mood'"),
        (['--attribute', 'pose', '--base', 'no.py'], 'no.py: no such config'),
        (['--attribute', 'pose', '--classes', 'no.txt'], 'no.txt: no such file'),
    ],
)
def test_nothing_is_written_where_something_is_wrong(
    tool, folder, tmp_path, capsys, options, message
):
    labels = _project(tmp_path / 'labels.json', _rows())
    before = sorted(folder.rglob('*'))
    assert tool.main([str(labels), '--out', str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error) and error.count('\n') == 1
    assert sorted(folder.rglob('*')) == before


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--split', '0.5', '0.5', '0.5'], '--split 0.5 0.5 0.5: must be above 0 with the sum 1'),
        (['--split', '1', '0', '0'], '--split 1 0 0: must be above 0'),
        (['--image-numbers', 'frames'], "'frames' is neither seconds nor RATE:FIRST, as 30:1"),
        (['--image-numbers', '0:1'], "'0:1' is neither seconds nor RATE:FIRST"),
        (['--image-size', '0', '3'], r'--image-size \[0, 3\] must be above 0'),
        (['--box-unit', 'cm'], '--box-unit'),
    ],
)
def test_wrong_options(tool, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        tool.parse_args(['labels.json', '--out', 'mine', *options])
    assert stop.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_image_numbers(tool):
    assert tool.image_numbers('seconds') == (None, 0)
    assert tool.image_numbers('29.97:1') == (29.97, 1)
    args = tool.parse_args(['l', '--out', 'm', '--image-numbers', 'seconds'])
    assert tool.import_options(args).images.are_seconds is True
    args = tool.parse_args(['l', '--out', 'm'])
    assert tool.import_options(args).images == (None, 0, False, None)
