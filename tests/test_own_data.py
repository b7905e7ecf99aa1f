"""The whole way of docs/own_data.md in small, by the tools themselves, on a film of a street."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import av
import cv2
import pytest
import torch
from street_film import find_film
from warm_python import PYTHON

from mmlt.fileio.person_tracks import read_persons_csv
from mmlt.fileio.proposals import read_proposals
from mmlt.fileio.video_table import read_video_table
from mmlt.functional import read_ava_csv

ROOT = Path(__file__).parents[1]
ENV = {**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
FIRST, COUNT = 240, 150  # frames: fifteen seconds, in which people cross
SMALL = [
    'train_cfg.max_epochs=1',
    *(f'{part}_dataloader.num_workers=0' for part in ('train', 'val', 'test')),
    *(f'{part}_dataloader.persistent_workers=False' for part in ('train', 'val', 'test')),
]


def _cut(source, target):
    with av.open(str(source)) as film, av.open(str(target), 'w') as part:
        stream = part.add_stream('mpeg4', rate=10, bit_rate=8_000_000)
        stream.width, stream.height, stream.pix_fmt = 768, 576, 'yuv420p'
        for number, frame in enumerate(film.decode(video=0)):
            if FIRST <= number < FIRST + COUNT:
                image = av.VideoFrame.from_ndarray(frame.to_ndarray(format='bgr24'), 'bgr24')
                part.mux(stream.encode(image))
        part.mux(stream.encode())


class Street:
    """The tools, run in a working directory that holds the film."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, tool, *arguments, status=0):
        command = [ROOT / 'tools' / tool, *arguments]
        if tool.endswith('.py'):
            command = [PYTHON, *command]
        done = subprocess.run(
            [str(x) for x in command], cwd=self.folder, env=ENV, capture_output=True, text=True
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    """After the first two commands."""
    folder = tmp_path_factory.mktemp('street')
    (folder / 'films').mkdir()
    _cut(find_film(), folder / 'films' / 'street.avi')
    street = Street(folder)
    street.prepared = street.run(
        'data/prepare_videos.py', 'films', '--out', 'mine', '--segments', 3
    )
    street.run('data/label_tracks.py', 'mine', '--out', 'by_rule.json', '--min-boxes', 2)
    street.imported = street.run(
        *('data/import_annotations.py', 'by_rule.json', '--out', 'mine'),
        *('--base', ROOT / 'configs' / 'toy' / 'slowonly_toy_own_data.py'),
    )
    return street


@pytest.fixture(scope='module')
def tested(street):
    """After the training and the test of two ranks: the folder of the results."""
    config, options = 'mine/config.py', ['--cfg-options', *SMALL]
    street.run('dist_train.sh', config, 2, '--work-dir', 'work', *options)
    options += ['test_evaluator.out_dir=work/test']
    street.run('dist_test.sh', config, 'work/epoch_1.pth', 2, '--work-dir', 'work', *options)
    return street.folder / 'work' / 'test'


@pytest.mark.train
def test_prepared_and_imported(street):
    mine = street.folder / 'mine'
    table = read_video_table(mine)
    assert table.fps == 10
    lengths = {name: (entry.start_sec, entry.num_frames) for name, entry in table.videos.items()}
    assert lengths == {'street_1': (0, 50), 'street_2': (5, 50), 'street_3': (10, 50)}
    proposals, persons = (
        read_proposals(mine / 'proposals.pkl'),
        read_persons_csv(mine / 'persons.csv'),
    )
    assert sum(map(len, proposals.values())) == sum(len(each.scores) for each in persons.values())
    assert {key.rpartition(',')[0] for key in proposals} == set(table.videos)
    assert 'a stand-in' in street.prepared
    splits = json.loads((mine / 'annotations' / 'splits.json').read_text())
    for split in ('train', 'val', 'test'):
        boxes = read_ava_csv(mine / 'annotations' / f'{split}.csv')
        assert [str(name) for name in boxes.video_names] == splits[split]
        assert set(boxes.timestamps.tolist()) <= set(range(5))
    assert 'boxes in pixels' in street.imported


@pytest.mark.train
def test_checked(street):
    assert '0 errors' in street.run('data/check_dataset.py', 'mine')
    assert 'data:image/jpeg' in (street.folder / 'mine' / 'check.html').read_text()


@pytest.mark.train
@pytest.mark.dist
def test_trained_judged_and_looked_at(street, tested):
    metrics = json.loads((tested / 'metrics.json').read_text())
    assert 0 < metrics['mSAP'] < 1 and metrics['groups']['tail']
    printed = street.run('analysis/report.py', tested, '--frames', 'mine')
    assert 'report.html' in printed
    assert 'data:image/jpeg' in (tested / 'report.html').read_text()
    (video,) = json.loads((street.folder / 'mine/annotations/splits.json').read_text())['test']
    drawn = street.folder / 'drawn.mp4'
    options = ('--data', 'mine', '--video-id', video, '--min-score', '0.1', '--out', drawn)
    street.run('analysis/draw_detections.py', tested / 'detections.parquet', *options)
    film = cv2.VideoCapture(str(drawn))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 50
    assert (film.get(cv2.CAP_PROP_FRAME_WIDTH), film.get(cv2.CAP_PROP_FPS)) == (768, 10)


@pytest.mark.train
def test_two_stage_by_the_command_that_the_importer_gives(street):
    """With stage two cut to two epochs; it ends with a detector of all classes."""
    text = (street.folder / 'mine' / 'config_stage_one.py').read_text(encoding='utf-8')
    tool, *arguments = shlex.split(re.search('tools/(two_stage.sh .*)', text)[1])
    arguments[0] = 'mine/config.py'
    stage_two = street.folder / 'mine' / 'config_stage_two.py'
    short = re.sub('(?m)^max_epochs = [0-9]+', 'max_epochs = 2', stage_two.read_text('utf-8'))
    stage_two.write_text(short, encoding='utf-8')
    said = street.run(tool, *arguments, '--cfg-options', 'train_cfg.max_epochs=1')
    assert 'gain of two-stage on baseline' in said
    work_dir = street.folder / arguments[arguments.index('--work-dir') + 1]
    one = torch.load(work_dir / 'stage_one' / 'epoch_1.pth', weights_only=False)['state_dict']
    two = torch.load(work_dir / 'two_stage.pth', weights_only=False)['state_dict']
    changed = {key for key in one if not torch.equal(one[key], two[key])}
    assert changed == {'roi_head.bbox_head.fc_cls.weight', 'roi_head.bbox_head.fc_cls.bias'}
