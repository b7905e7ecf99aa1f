from __future__ import annotations

import pickle

import numpy as np
import pytest
from mmaction.datasets import AVAKineticsDataset as Stock
from mmaction.utils import register_all_modules
from mmengine.registry import DATASETS

FILM, CLIP = '-5KQ6_6BBW4', 'o3lCw_WyyTc_000012_000022'  # underscores in the ids too
BOX, OTHER = [0.1, 0.2, 0.5, 0.9], [0.5, 0.1, 0.8, 0.6]
ROWS = [
    f'{FILM},0902,0.1,0.2,0.5,0.9,3,0',
    f'{CLIP},0017,0.1,0.2,0.5,0.9,2,-1',
    f'{CLIP},0017,0.1,0.2,0.5,0.9,5,-1',
    f'{CLIP},0017,0.5,0.1,0.8,0.6,2,-1',
]
# as mmaction2's tools/data/ava_kinetics writes them
PROPOSALS = {
    f'{FILM},0902': np.array([[*BOX, 0.95]]),
    'o3lCw_WyyTc,0017': np.array([[*BOX, 0.9], [*OTHER, 0.3], [*OTHER, 0.1]]),
}


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture
def files(tmp_path):
    (tmp_path / 'proposals.pkl').write_bytes(pickle.dumps(PROPOSALS))
    options = dict(
        ann_file=str(tmp_path / 'train.csv'),
        proposal_file=str(tmp_path / 'proposals.pkl'),
        person_det_score_thr=0.2,
        exclude_file=None,
        label_file=None,
        pipeline=[],
        num_classes=8,
    )
    _write(options, ROWS)
    return options


def _write(files, rows):
    with open(files['ann_file'], 'w') as file:
        file.write('\n'.join(rows))


def _build(files, **options):
    return DATASETS.build(dict(type='mmlt.AVAKineticsDataset', **{**files, **options}))


def _infos(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


@pytest.mark.parametrize('options', [{}, dict(person_det_score_thr=0.5), dict(test_mode=True)])
@pytest.mark.parametrize('rows', [ROWS[:1], ROWS[1:]], ids=['film', 'clip'])
def test_samples_are_those_of_mmaction2(files, options, rows):
    # one video a file: mmaction2 gives all of them the frames of the last one
    _write(files, rows)
    (info,), (expected,) = _infos(_build(files, **options)), _infos(Stock(**{**files, **options}))
    assert info.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(info[key], value, err_msg=key)


def test_clips_have_their_own_seconds_and_proposals(files):
    film, clip = _infos(_build(files))
    assert (film['timestamp_start'], film['timestamp_end']) == (900, 1800)
    assert film['shot_info'] == (1, 27001)
    assert (clip['timestamp_start'], clip['timestamp_end']) == (12, 22)
    assert clip['shot_info'] == (1, 301) and clip['img_key'] == f'{CLIP},0017'
    assert clip['scores'].tolist() == [0.9, 0.3]  # above .2
    assert clip['gt_labels'].sum(0).tolist() == [0, 0, 2, 0, 0, 1, 0, 0]
    assert clip['entity_ids'].tolist() == [-1, -1]


def test_rows_as_deepmind_published_them(files):
    rows = [ROWS[0], 'nobody_000001_000011,5.000000', f'{CLIP},17.000000,0.1,0.2,0.5,0.9,2']
    _write(files, rows)
    film, clip = _infos(_build(files))
    assert clip['timestamp'] == 17 and clip['gt_bboxes'].tolist() == [BOX]
    assert film['entity_ids'].tolist() == [0] and clip['entity_ids'].tolist() == [-1]


def test_annotated_persons_need_no_proposals(files):
    files['proposal_file'] = None
    film, clip = _infos(_build(files, persons='ground_truth'))
    assert clip['proposals'].tolist() == [BOX, OTHER] and clip['scores'].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"train\.csv: persons='detections' needs a proposal_file"):
        _build(files)


def test_keyframes_without_a_person_are_left_out(files):
    (film,) = _infos(_build(files, person_det_score_thr=0.92, keep_one_person=False))
    assert film['video_id'] == FILM


def test_proposals_are_not_unpickled_freely(files):
    with open(files['proposal_file'], 'wb') as file:
        pickle.dump({f'{FILM},0902': print}, file)
    with pytest.raises(ValueError, match=r'proposals\.pkl'):
        _build(files)


def test_proposals_of_other_data_are_refused(files):
    with open(files['proposal_file'], 'wb') as file:
        pickle.dump({'another,0902': PROPOSALS[f'{FILM},0902']}, file)
    with pytest.raises(ValueError, match="no keyframe of .* the file holds 'another,0902'"):
        _build(files)


@pytest.mark.parametrize(
    'row, message',
    [
        (f'{CLIP},0023,0.1,0.2,0.5,0.9,2,-1', r'line 5: .* its clip, .* cut from 12 to 22'),
        (f'{CLIP},0011,0.1,0.2,0.5,0.9,2,-1', r'line 5: .* its clip, .* cut from 12 to 22'),
        (f'{FILM},0017,0.1,0.2,0.5,0.9,2,-1', r'line 5: .* outside of timestamp_start=900'),
        (f'{CLIP},0017,0.1,0.2,0.5,0.9,8,-1', r'line 5: class id 8 does not fit num_classes=8'),
        (f'{CLIP},0017,0.1,0.2,0.5,0.9,2,.5', r'line 5: person id 0\.5 is not a whole number'),
        (f'{CLIP},0017,12,20,50,90,2,-1', r'line 5: .* in pixels'),
        (f'{CLIP},0017,0.1,0.2,0.5', r'line 5 has 5 columns'),
    ],
)
def test_errors_name_file_line_and_value(files, row, message):
    _write(files, [*ROWS[:3], f'{CLIP},0018', row])
    with pytest.raises(ValueError, match=rf'train\.csv.* {message}'):
        _build(files)


def test_the_last_frame_of_each_clip_must_be_there(files, tmp_path):
    sampler = dict(type='SampleAVAFrames', clip_len=4, frame_interval=2, test_mode=True)
    options = dict(
        pipeline=[sampler, dict(type='RawFrameDecode', io_backend='disk')],
        data_prefix=dict(img=str(tmp_path / 'rawframes')),
        fps=5,
    )
    # 5 * (17 - 12) = 25, and 21, 23, 25, 27; of the film 5 * 2 = 10, and 6 to 12
    for video, last in ((FILM, 12), (CLIP, 27)):
        folder = tmp_path / 'rawframes' / video
        folder.mkdir(parents=True)
        (folder / f'img_{last:05d}.jpg').touch()
    dataset = _build(files, **options, serialize_data=False)
    dataset.pipeline.transforms.pop()
    assert dataset.prepare_data(1)['frame_inds'].tolist() == [21, 23, 25, 27]
    (tmp_path / 'rawframes' / CLIP / 'img_00027.jpg').unlink()
    with pytest.raises(ValueError, match=f"1 of 2 videos lack the last frame .* '{CLIP}'"):
        _build(files, **options)
