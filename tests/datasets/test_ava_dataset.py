from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from mmaction.datasets import AVADataset as Stock
from mmaction.utils import register_all_modules
from mmengine.registry import DATASETS

BOX = '0.1,0.2,0.5,0.9'


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture
def files(tmp_path):
    """Annotations of two keyframes and proposals of one of them."""
    (tmp_path / 'train.csv').write_text(
        f'v,0902,{BOX},3,0\nv,0902,{BOX},7,0\nv,0903,{BOX},1,1\n', encoding='utf-8'
    )
    proposals = {'v,0902': np.array([[0.1, 0.2, 0.5, 0.9, 0.99], [0.0, 0.0, 0.2, 0.2, 0.5]])}
    (tmp_path / 'proposals.pkl').write_bytes(pickle.dumps(proposals))
    return dict(
        ann_file=str(tmp_path / 'train.csv'),
        proposal_file=str(tmp_path / 'proposals.pkl'),
        pipeline=[],
        num_classes=8,
    )


def _write(files, text):
    with open(files['ann_file'], 'w', encoding='utf-8') as file:
        file.write(text)


def _assert_same(value, other):
    assert type(value) is type(other)
    if isinstance(value, dict):
        assert value.keys() == other.keys()
        for key in value:
            _assert_same(value[key], other[key])
    else:
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize('options', [{}, dict(person_det_score_thr=0.4), dict(test_mode=True)])
def test_samples_are_those_of_mmaction2(files, options):
    ours = DATASETS.build(dict(type='mmlt.AVADataset', **files, **options))
    stock = Stock(**files, **options)
    assert len(ours) == len(stock) == 2
    for index in range(2):
        _assert_same(ours.get_data_info(index), stock.get_data_info(index))


def test_keyframes_without_proposals_are_counted_in_one_warning(files, monkeypatch):
    from mmlt.datasets import ava_dataset

    said = []
    monkeypatch.setattr(ava_dataset, 'print_log', lambda text, *_: said.append(text))
    ava_dataset.AVADataset(**files)
    said = [text for text in said if 'proposal' in text]
    assert len(said) == 1
    assert "no proposal for 1 of 2 keyframes (the first: 'v,0903')" in said[0]


@pytest.mark.parametrize('positional', [False, True])
def test_proposals_are_not_unpickled_freely(files, positional):
    from mmlt.datasets.ava_dataset import AVADataset

    with open(files['proposal_file'], 'wb') as file:
        pickle.dump({'v,0902': print}, file)
    kwargs = dict(files)
    names = ('ann_file', 'pipeline', 'exclude_file', 'label_file', 'filename_tmpl', 'start_index')
    values = [kwargs.pop('ann_file'), kwargs.pop('pipeline'), None, None, 'img_{:05}.jpg', 1]
    args = [*values, kwargs.pop('proposal_file')] if positional else []
    kwargs = kwargs if positional else {**files, **dict(zip(names[2:], values[2:]))}
    with pytest.raises(ValueError, match=r'proposals\.pkl: not a pickle of a plain dict'):
        AVADataset(*args, **kwargs)


def test_excluded_keyframes_are_those_of_mmaction2(files, tmp_path):
    (tmp_path / 'excluded.csv').write_text('v,0903\nw,0903\n', encoding='utf-8')
    options = {**files, 'exclude_file': str(tmp_path / 'excluded.csv')}
    ours, stock = DATASETS.build(dict(type='mmlt.AVADataset', **options)), Stock(**options)
    assert len(ours) == len(stock) == 1
    _assert_same(ours.get_data_info(0), stock.get_data_info(0))


@pytest.mark.parametrize(
    'text, message',
    [
        ('v,0902\nv;0903\n', r'excluded\.csv, line 2'),
        ('v,0902\nv,0903\n', r'train\.csv: .*excluded\.csv excludes every keyframe'),
    ],
)
def test_a_bad_exclusion_list(files, tmp_path, text, message):
    (tmp_path / 'excluded.csv').write_text(text, encoding='utf-8')
    options = {**files, 'exclude_file': str(tmp_path / 'excluded.csv')}
    with pytest.raises(ValueError, match=message):
        DATASETS.build(dict(type='mmlt.AVADataset', **options))


def test_a_label_file_that_is_not_there(files):
    with pytest.raises(FileNotFoundError, match=r'label_file: nowhere\.pbtxt'):
        DATASETS.build(dict(type='mmlt.AVADataset', label_file='nowhere.pbtxt', **files))


@pytest.mark.parametrize(
    'text, message',
    [
        (
            f'v,0902,{BOX},3,0\nv,0902,{BOX},8,0\n',
            r'line 2: class id 8 does not fit num_classes=8 \(1 to 7\)',
        ),
        (f'v,0902,{BOX},0,0\n', 'line 1: .*class id 0 in 1 of 1 rows'),
        (f'v,0902,{BOX},3\n', '7 columns; annotations need 8'),
        (f'v,0902,{BOX},3,0\nv,0902,{BOX},3\n', 'line 2'),
        ('v,0902,0.5,0.2,0.1,0.9,3,0\n', 'line 1.*x1'),
        (f'v,0902,{BOX},three,0\n', 'line 1.*three'),
        (f'v,0902,{BOX},3,0\n\nv,0902,{BOX},3,0.5\n', r'line 3: person id 0\.5 is not a whole'),
        (f'v,0902,{BOX},3,0\nv,0902,6,12,32,54,3,0\n', 'line 2: .*,6,12,32,54,3: .*in pixels'),
    ],
)
def test_errors_name_file_line_and_value(files, text, message):
    _write(files, text)
    with pytest.raises(ValueError, match=rf'(?s)train\.csv.*{message}'):
        DATASETS.build(dict(type='mmlt.AVADataset', **files))


@pytest.mark.parametrize(
    'text',
    [
        f'\ufeffv,0902,{BOX},3,0\nv,0902,{BOX},7,0\nv,0903,{BOX},1,1\n',
        f'v,902.0,{BOX},3,0\nv,902,{BOX},7,0.0\nv,0903,{BOX},1,1\n',
        f'v,0902,{BOX},3,0\n\nv,0902,{BOX},7,0\nv,0903,{BOX},1,1\n\n\n',
        f'"v",0902,{BOX},3,0\r\nv,0902,{BOX},7,0\r\nv,0903,{BOX},1,1\r\n',
    ],
    ids=['byte-order mark', 'decimal point', 'blank lines', 'quotes, CRLF'],
)
def test_what_the_evaluation_reads_is_read_alike(files, text):
    plain = DATASETS.build(dict(type='mmlt.AVADataset', **files))
    _write(files, text)
    other = DATASETS.build(dict(type='mmlt.AVADataset', **files))
    assert len(plain) == len(other) == 2
    for index in range(2):
        _assert_same(other.get_data_info(index), plain.get_data_info(index))


@pytest.mark.parametrize('options', [{}, {'multilabel': False}, {'use_frames': False}])
def test_rows_in_any_order_are_grouped_as_mmaction2_groups_them(files, options):
    rng = np.random.default_rng(0)
    rows = []
    for person in range(40):  # equal corners on other keyframes, several persons with one box
        video, second = rng.choice(['a', 'b', 'c']), rng.integers(902, 906)
        x, y = rng.integers(0, 3, 2) / 10
        labels = [int(rng.integers(1, 8))] if options else rng.permutation(np.arange(1, 8))[:3]
        rows += [f'{video},{second:04d},{x},-0.0,{x + 0.3},{y + 0.2},{c},{person}' for c in labels]
    if 'multilabel' in options:  # mmaction2 stacks labels: one a box
        rows = list({row.rsplit(',', 2)[0]: row for row in rows}.values())
    _write(files, '\n'.join(rng.permutation(rows)) + '\n')
    files.pop('proposal_file')
    ours = DATASETS.build(dict(type='mmlt.AVADataset', **files, **options))
    stock = Stock(**files, **options)
    assert len(ours) == len(stock) > 5
    for index in range(len(stock)):
        _assert_same(ours.get_data_info(index), stock.get_data_info(index))


def test_custom_classes_leave_the_others_out(files, tmp_path):
    label_map = tmp_path / 'map.pbtxt'
    items = ''.join(f'item {{\n  name: "c{i}"\n  id: {i}\n}}\n' for i in (1, 3, 7))
    label_map.write_text(items, encoding='utf-8')
    options = {**files, 'num_classes': 3, 'custom_classes': [1, 3], 'label_file': str(label_map)}
    ours = DATASETS.build(dict(type='mmlt.AVADataset', **options))
    assert ours.get_data_info(0)['gt_labels'].tolist() == [[0, 0, 1]]


FRAMES = [  # a clip of 4 frames around each keyframe, 5 frames a second
    dict(type='SampleAVAFrames', clip_len=4, frame_interval=2, test_mode=True),
    dict(type='RawFrameDecode', io_backend='disk'),
]


@pytest.fixture
def with_frames(files, tmp_path):
    """Options of a dataset whose last clip, of keyframe 903, ends with frame 19 of v."""
    # center 5 * (903 - 900) + start_index 1 = 16; then 12, 14, 16 and 18, + start_index again
    folder = tmp_path / 'frames' / 'v'
    folder.mkdir(parents=True)
    for number in range(1, 20):
        (folder / f'img_{number:05d}.jpg').touch()
    prefix = dict(img=str(tmp_path / 'frames'))
    return {**files, 'pipeline': FRAMES, 'data_prefix': prefix, 'fps': 5}


def test_the_last_frame_of_a_video_must_be_there(with_frames, tmp_path):
    assert len(DATASETS.build(dict(type='mmlt.AVADataset', **with_frames))) == 2
    (tmp_path / 'frames' / 'v' / 'img_00019.jpg').unlink()
    with pytest.raises(
        ValueError, match=r"^1 of 1 videos lack the last frame.*: 'v'; .*_00019\.jpg"
    ):
        DATASETS.build(dict(type='mmlt.AVADataset', **with_frames))
    # frames are drawn up to second timestamp_end: 5 * (903 - 900) of them, and no more
    cut = {**with_frames, 'timestamp_end': 903}
    assert len(DATASETS.build(dict(type='mmlt.AVADataset', **cut))) == 2


def test_the_frame_asked_for_is_the_last_one_that_the_pipeline_draws(with_frames):
    from mmlt.datasets.ava_media import last_media_files

    for test_mode in (True, False):
        sampler = dict(FRAMES[0], test_mode=test_mode)
        options = {**with_frames, 'pipeline': [sampler], 'lazy_init': True}
        dataset = DATASETS.build(dict(type='mmlt.AVADataset', **options))
        dataset._fully_initialized = True
        dataset.data_list = dataset.load_data_list()
        (path,) = last_media_files(dataset, dataset.data_list).values()
        dataset.serialize_data = False
        drawn = max(dataset.prepare_data(1)['frame_inds'].max() for _ in range(200))
        assert path.endswith(f'img_{drawn:05d}.jpg')


def test_frames_are_asked_for_once_a_video_and_on_the_first_rank_alone(with_frames, monkeypatch):
    from mmengine.fileio import FileClient

    from mmlt.datasets import ava_dataset

    asked = []
    monkeypatch.setattr(FileClient, 'exists', lambda self, path: asked.append(path) or True)
    DATASETS.build(dict(type='mmlt.AVADataset', **with_frames))
    assert len(asked) == 1
    monkeypatch.setattr(ava_dataset, 'is_main_process', lambda: False)
    DATASETS.build(dict(type='mmlt.AVADataset', **with_frames))
    assert len(asked) == 1


def test_videos_must_be_there(files, tmp_path):
    pipeline = [dict(type='DecordInit')]
    options = {**files, 'pipeline': pipeline, 'use_frames': False}
    options['data_prefix'] = dict(img=str(tmp_path))
    with pytest.raises(ValueError, match=rf"1 of 1 videos lack their file: 'v'; .* {tmp_path}/v:"):
        DATASETS.build(dict(type='mmlt.AVADataset', **options))
    (tmp_path / 'v').touch()
    assert len(DATASETS.build(dict(type='mmlt.AVADataset', **options))) == 2


@pytest.mark.parametrize('bounds', [dict(timestamp_start=903), dict(timestamp_end=902)])
def test_timestamps_outside_of_the_range_that_chooses_frames(files, bounds):
    with pytest.raises(ValueError) as error:
        DATASETS.build(dict(type='mmlt.AVADataset', **files, **bounds))
    outside = 1 if 'timestamp_start' in bounds else 3
    start, end = bounds.get('timestamp_start', 900), bounds.get('timestamp_end', 1800)
    assert f'train.csv, line {outside}: v,90' in str(error.value)
    assert f'timestamp_start={start} to timestamp_end={end}' in str(error.value)
    assert 'the annotations run from 902 to 903' in str(error.value)
    # a video has its own length, and at one a second timestamps are frames
    for exempt in (dict(use_frames=False), dict(fps=1)):
        DATASETS.build(dict(type='mmlt.AVADataset', **files, **bounds, **exempt))


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(use_frames=False, timestamp_start=903),
            r'line 1: .* outside of timestamp_start=903,',
        ),
        (dict(timestamp_end=903), r'line 3: .* of 1 keyframes is timestamp_end=903'),
    ],
)
def test_timestamps_that_are_doubtful(files, monkeypatch, options, message):
    from mmlt.datasets import ava_dataset

    said = []
    monkeypatch.setattr(ava_dataset, 'print_log', lambda text, *_: said.append(text))
    ava_dataset.AVADataset(**files)
    assert not [text for text in said if 'timestamp_' in text]
    ava_dataset.AVADataset(**files, **options)
    (text,) = [text for text in said if 'timestamp_' in text]
    assert re.search(message, text)


def test_an_excluded_keyframe_may_lie_outside_of_the_range(files, tmp_path):
    (tmp_path / 'excluded.csv').write_text('v,0903\n', encoding='utf-8')
    options = {**files, 'exclude_file': str(tmp_path / 'excluded.csv'), 'timestamp_end': 902}
    assert len(DATASETS.build(dict(type='mmlt.AVADataset', **options))) == 1


@pytest.mark.parametrize(
    'key, box, message',
    [
        ('w,0902', BOX, r"no keyframe of .*train\.csv has a proposal: .* 'w,0902', .* 'v,0902'"),
        ('v,0902', '0.6,0.2,0.9,0.9', 'not one of its boxes overlaps an annotated box'),
    ],
)
def test_proposals_that_are_of_other_data(files, key, box, message):
    proposals = {key: np.array([[*map(float, box.split(',')), 0.99]])}
    with open(files['proposal_file'], 'wb') as file:
        pickle.dump(proposals, file)
    with pytest.raises(ValueError, match=rf'proposals\.pkl: {message}'):
        DATASETS.build(dict(type='mmlt.AVADataset', **files))


def test_columns_without_a_class_are_said(files, monkeypatch):
    from mmlt.datasets import ava_dataset

    said = []
    monkeypatch.setattr(ava_dataset, 'print_log', lambda text, *_: said.append(text))
    ava_dataset.AVADataset(**files)
    assert not [text for text in said if 'num_classes' in text]
    ava_dataset.AVADataset(**{**files, 'num_classes': 81})
    (text,) = [text for text in said if 'num_classes' in text]
    assert 'the highest class id is 7, so num_classes=81 leaves 73 columns' in text
    assert 'num_classes=8 ' in text


def test_rows_that_repeat_another_are_counted(files, monkeypatch):
    from mmlt.datasets import ava_dataset

    said = []
    monkeypatch.setattr(ava_dataset, 'print_log', lambda text, *_: said.append(text))
    _write(files, f'v,0902,{BOX},3,0\nv,0902,{BOX},7,0\nv,0903,{BOX},3,0\nv,902,{BOX},3,1\n')
    ava_dataset.AVADataset(**files)
    (text,) = [text for text in said if ' rows repeat' in text]
    assert 'train.csv: 1 of 4 rows repeat' in text
    assert text.endswith('train.csv, line 4: v,902,0.1,0.2,0.5,0.9,3')
