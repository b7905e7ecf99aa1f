"""The clips decoded from a file are those of the frames that prepare_videos writes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from mmaction.utils import register_all_modules
from mmengine.registry import DATASETS, TRANSFORMS
from numbered_videos import NTSC, read_numbers, write_video

from mmlt.datasets.own_data.done_videos import Settings
from mmlt.datasets.own_data.prepare import prepare_videos
from mmlt.datasets.transforms import DecodeAtTimes

VIDEOS = {
    'ntsc.mp4': dict(times=np.arange(300) / float(NTSC), rate=NTSC, tick=1 / NTSC),
    'slow.avi': dict(times=np.arange(100) / 10, codec='mpeg4', rate=10, tick=Fraction(1, 10)),
    'variable.mkv': dict(
        times=np.cumsum([0] + [1 / 30] * 120 + [0.2] + [1 / 12] * 48), tick=Fraction(1, 1000)
    ),
    'turned.mp4': dict(times=np.arange(200) / 25, rotation=90),
}
MEDIA = ('filename', 'start_sec', 'fps', 'frame_dir', 'filename_tmpl', 'modality')


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The videos, and two sets of them in halves, 15 frames a second: on disk, and in the files."""
    folder = tmp_path_factory.mktemp('decode')
    (folder / 'videos').mkdir()
    for name, how in VIDEOS.items():
        write_video(folder / 'videos' / name, **how)
    settings = Settings(fps=15, segments=2, short_side=48)
    prepare_videos(folder / 'videos', folder / 'frames', settings)
    prepare_videos(folder / 'videos', folder / 'none', settings._replace(short_side=None))
    return folder


def _numbers(images):
    """Those of the turned video stand on their side: it was turned clockwise."""
    return read_numbers(
        np.rot90(each) if each.shape[0] > each.shape[1] else each for each in images
    )


def _samples(folder, name, step, video, timestamps, clip_len=8):
    rows = [f'{video},{second},.1,.2,.5,.9,1,0\n' for second in timestamps]
    (folder / 'rows.csv').write_text(''.join(rows))
    sample = dict(type='mmlt.SampleAVATimes', clip_len=clip_len, interval_sec=0.1)
    config = dict(
        type='mmlt.AVADataset',
        ann_file=str(folder / 'rows.csv'),
        persons='ground_truth',
        num_classes=2,
        video_table=str(folder / name),
        pipeline=[sample, step],
    )
    dataset = DATASETS.build(config)
    return [dataset[index] for index in range(len(dataset))]


@pytest.mark.parametrize('part', [1, 2])
@pytest.mark.parametrize('name', VIDEOS)
def test_the_same_clips_as_from_the_frames(folder, name, part):
    """Of every second of both halves the very same frames of the file, but for JPEG."""
    video = f'{name.partition(".")[0]}_{part}'
    seconds = range(3)
    decoded = _samples(
        folder, 'none', dict(type='mmlt.DecodeAtTimes', short_side=48), video, seconds
    )
    loaded = _samples(folder, 'frames', dict(type='RawFrameDecode'), video, seconds)
    assert len(decoded) == len(loaded) == 3
    for ours, theirs in zip(decoded, loaded):
        numbers = _numbers(ours['imgs'])
        assert numbers == _numbers(theirs['imgs']) and len(set(numbers)) > 2
        assert len(ours['imgs']) == len(theirs['imgs']) == 8
        for image, other in zip(ours['imgs'], theirs['imgs']):
            assert image.shape == other.shape and image.dtype == other.dtype == np.uint8
            assert image.flags.c_contiguous
            assert np.abs(image.astype(int) - other).mean() < 4
        for key in ('img_shape', 'original_shape', 'gt_bboxes', 'proposals'):
            np.testing.assert_array_equal(ours[key], theirs[key])
        assert ours['gt_bboxes'].dtype == theirs['gt_bboxes'].dtype == np.float32


@pytest.mark.parametrize('name', VIDEOS)
def test_the_frames_are_those_that_the_file_shows(folder, name):
    """Against the times that the videos were written with; the second half starts at a whole s."""
    stamps = VIDEOS[name]['times']
    start = int(stamps[-1] + 0.05) // 2
    results = dict(filename=str(folder / 'videos' / name), fps=15, start_sec=start)
    numbers = np.array([0, 7, 16, 29, 31])
    shown = DecodeAtTimes(None)({**results, 'frame_inds': numbers})['imgs']
    due = np.searchsorted(stamps, start + numbers / 15 + 1e-3, 'right') - 1
    assert _numbers(shown) == due.tolist()


def test_indices_in_any_order_and_repeated(folder):
    results = dict(filename=str(folder / 'videos' / 'turned.mp4'), fps=25, start_sec=0.0)
    results['frame_inds'] = np.array([60, 3, 3, 90, 3], np.int32)
    images = DecodeAtTimes()(results)['imgs']
    assert _numbers(images) == [60, 3, 3, 90, 3]
    images[1][:] = 0  # a transform may write into a frame
    assert images[2].any()
    red = images[3][0, 0]
    assert red[0] > 200 and red[1:].max() < 60  # RGB


def test_larger_frames_alone_are_shrunk(folder):
    results = dict(filename=str(folder / 'videos' / 'slow.avi'), fps=5, start_sec=0)
    for short_side, shape in ((32, (32, 60)), (64, (64, 120)), (256, (64, 120)), (None, (64, 120))):
        found = DecodeAtTimes(short_side)({**results, 'frame_inds': np.array([1])})
        assert found['imgs'][0].shape == (*shape, 3)
        assert found['img_shape'] == found['original_shape'] == shape
    assert 'gt_bboxes' not in found


def test_proposals_without_boxes_are_left_as_rawframedecode_leaves_them(folder):
    results = dict(filename=str(folder / 'videos' / 'slow.avi'), fps=5, start_sec=0)
    results.update(frame_inds=np.array([1]), proposals=np.array([[0, 0, 1, 1.0]]))
    assert DecodeAtTimes()(results)['proposals'].tolist() == [[0, 0, 1, 1]]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / 'a.mp4').touch()
    results = dict(filename=str(tmp_path / 'a.mp4'), fps=5, start_sec=0, frame_inds=np.array([1]))
    with pytest.raises(ValueError, match=r'a\.mp4: .*empty'):
        DecodeAtTimes()(results)


def test_construction():
    built = TRANSFORMS.build(dict(type='mmlt.DecodeAtTimes'))
    assert repr(built) == 'DecodeAtTimes(short_side=256)'
    for wrong in (0, 2.5, True):
        with pytest.raises(ValueError, match='short_side must be an integer of at least 1'):
            DecodeAtTimes(wrong)
