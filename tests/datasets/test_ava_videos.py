"""``video_table`` of ``mmlt.AVADataset`` and ``mmlt.ProposalDataset``."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from mmaction.utils import register_all_modules
from mmengine.registry import DATASETS

from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table

BOX = '0.1,0.2,0.5,0.9'
LENGTHS = {'short': 30, 'long_2': 55}  # frames at 10 a second: 3 and 5.5 seconds


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture
def write_table(tmp_path):
    """Write a table, with empty frames or without; returns its path."""

    def write(filename_tmpl='img_{:05}.jpg'):
        starts = {'short': 0.0, 'long_2': 12.5}
        videos = {
            name: VideoEntry(f'films/{name}.mp4', starts[name], count, 64, 48)
            for name, count in LENGTHS.items()
        }
        table = VideoTable(tmp_path, 10, 0, filename_tmpl, videos)
        for name, count in LENGTHS.items() if filename_tmpl else ():
            (table.frame_folder / name).mkdir(parents=True)
            for number in range(count):
                (table.frame_folder / name / filename_tmpl.format(number)).touch()
        return str(write_video_table(table))

    return write


def _sampled():
    return [dict(type='SampleAVAFrames', clip_len=4, frame_interval=3, test_mode=True)]


def _build(tmp_path, rows, **options):
    path = tmp_path / 'train.csv'
    path.write_text(''.join(f'{row}\n' for row in rows), encoding='utf-8')
    files = dict(ann_file=str(path), persons='ground_truth', num_classes=8, pipeline=_sampled())
    return DATASETS.build({'type': 'mmlt.AVADataset', **files, **options})


def test_each_video_has_its_own_length(tmp_path, write_table):
    rows = [f'short,2,{BOX},3,0', f'long_2,0005,{BOX},7,0', f'long_2,0,{BOX},1,0']
    dataset = _build(tmp_path, rows, video_table=write_table())
    samples = [dataset[index] for index in range(3)]
    # frame fps * second, four frames, three apart, the third in the middle, none past the end
    assert samples[0]['frame_inds'].tolist() == [14, 17, 20, 23]
    assert samples[1]['frame_inds'].tolist() == [44, 47, 50, 53]
    assert samples[2]['frame_inds'].tolist() == [0, 0, 0, 3]
    assert samples[1]['frame_dir'] == str(tmp_path / 'rawframes' / 'long_2')
    assert samples[1]['filename_tmpl'] == 'img_{:05}.jpg'


def test_clips_reach_no_frame_behind_the_end(tmp_path, write_table):
    dataset = _build(tmp_path, [f'short,2,{BOX},3,0'], video_table=write_table())
    dataset.pipeline.transforms[0].clip_len = 10
    assert dataset[0]['frame_inds'].tolist() == [5, 8, 11, 14, 17, 20, 23, 26, 29, 29]


def test_without_frames_a_sample_names_the_file_and_its_part(tmp_path, write_table):
    dataset = _build(
        tmp_path, [f'long_2,4,{BOX},3,0'], video_table=_with_films(tmp_path, write_table)
    )
    sample = dataset[0]
    assert sample['filename'] == str(tmp_path / 'films' / 'long_2.mp4')
    assert (sample['start_sec'], sample['fps']) == (12.5, 10)
    assert sample['frame_inds'].tolist() == [34, 37, 40, 43]
    assert 'frame_dir' not in sample


def _with_films(tmp_path, write_table):
    (tmp_path / 'films').mkdir()
    for name in LENGTHS:
        (tmp_path / 'films' / f'{name}.mp4').touch()
    return write_table(filename_tmpl=None)


def test_a_film_that_is_gone_is_refused(tmp_path, write_table):
    table = _with_films(tmp_path, write_table)
    (tmp_path / 'films' / 'long_2.mp4').unlink()
    with pytest.raises(ValueError, match='1 of 1 videos lack their file: .*long_2'):
        _build(tmp_path, [f'long_2,4,{BOX},3,0'], video_table=table)


@pytest.mark.parametrize('tmpl', ['img_{:05}.jpg', None])
@pytest.mark.parametrize(
    ('row', 'message'),
    [
        (f'short,3,{BOX},3,0', "line 2.*'short' has the seconds 0 to 2 .30 frames at 10 a second"),
        (f'long_2,-1,{BOX},3,0', "line 2.*'long_2' has the seconds 0 to 5"),
        (f'Short.mp4,1,{BOX},3,0', "line 2.*no video 'Short.mp4'; it has 'short', which differs"),
        (f'other,1,{BOX},3,0', "line 2.*no video 'other' .1 of 2 videos"),
    ],
)
def test_rows_outside_of_the_videos_are_refused(tmp_path, write_table, tmpl, row, message):
    table = _with_films(tmp_path, write_table) if tmpl is None else write_table(tmpl)
    with pytest.raises(ValueError, match=message):
        _build(tmp_path, [f'short,1,{BOX},3,0', row], video_table=table)


@pytest.mark.parametrize(
    'sampler', [*_sampled(), dict(type='mmlt.SampleAVATimes', clip_len=4, interval_sec=0.3)]
)
def test_a_lost_frame_at_the_end_is_noticed(tmp_path, write_table, sampler):
    table, pipeline = write_table(), [sampler, dict(type='RawFrameDecode')]
    (tmp_path / 'rawframes' / 'long_2' / 'img_00053.jpg').unlink()
    with pytest.raises(ValueError, match='1 of 1 videos lack the last frame.*img_00053'):
        _build(tmp_path, [f'long_2,5,{BOX},7,0'], video_table=table, pipeline=pipeline)


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (dict(fps=30), r'fps=30: video_table .*videos.json says 10; leave fps out'),
        (dict(timestamp_end=1800), 'timestamp_end=1800: .* says 6'),
        (dict(data_prefix=dict(img='elsewhere')), 'data_prefix='),
        (dict(start_index=1), 'start_index=1: .* says 0'),
    ],
)
def test_what_contradicts_the_table_is_refused(tmp_path, write_table, option, message):
    with pytest.raises(ValueError, match=message):
        _build(tmp_path, [f'short,1,{BOX},3,0'], video_table=write_table(), **option)


def test_the_folder_of_the_table_and_equal_values_are_fine(tmp_path, write_table):
    write_table()
    table = str(tmp_path)
    dataset = _build(tmp_path, [f'short,1,{BOX},3,0'], video_table=table, fps=10, start_index=0)
    assert len(dataset) == 1


def _proposals(tmp_path, *keys):
    path = tmp_path / 'proposals.pkl'
    box = np.array([[0.1, 0.2, 0.5, 0.9, 0.99]])
    path.write_bytes(pickle.dumps({key: box for key in keys}))
    return dict(type='mmlt.ProposalDataset', proposal_file=str(path), pipeline=_sampled())


def test_persons_of_a_bank_are_read_by_the_table(tmp_path, write_table):
    config = _proposals(tmp_path, 'long_2,0005', 'short,0002')
    dataset = DATASETS.build(dict(config, video_table=write_table()))
    assert dataset[0]['frame_inds'].tolist() == [44, 47, 50, 53]
    assert dataset[1]['frame_inds'].tolist() == [14, 17, 20, 23]


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('short,0003', "'short,0003', the first of 1 of 2 .*outside of its video, 0 to 2"),
        ('other,0001', "proposals.pkl: other,1,.*no video 'other'"),
    ],
)
def test_persons_outside_of_the_videos_are_refused(tmp_path, write_table, key, message):
    config = _proposals(tmp_path, 'long_2,0005', key)
    with pytest.raises(ValueError, match=message):
        DATASETS.build(dict(config, video_table=write_table()))
