"""``mmlt.ProposalDataset``: who was detected, whatever is annotated."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from mmaction.utils import register_all_modules
from mmengine.registry import DATASETS

from mmlt.datasets import ava_dataset, proposal_dataset
from mmlt.datasets.proposal_dataset import NOT_TAKEN, ProposalDataset

BOXES = np.array([[0.1, 0.2, 0.5, 0.9], [0.5, 0.1, 0.8, 0.6], [0.2, 0.2, 0.4, 0.4]])


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


def _write(path, scores_of):
    found = {}
    for key, scores in scores_of.items():
        found[key] = np.column_stack([BOXES[: len(scores)], scores])
    path.write_bytes(pickle.dumps(found))
    return str(path)


@pytest.fixture
def proposals(tmp_path):
    scores = {
        'w,0910': [0.95],
        'v,1000': [0.91, 0.99, 0.95],
        'v,0902': [0.6, 0.97, 0.9],  # .9 is not above .9
        'v,0903': [0.9, 0.2],
    }
    return _write(tmp_path / 'proposals.pkl', scores)


def _infos(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def test_persons_above_the_threshold_the_best_first(proposals):
    infos = _infos(ProposalDataset(proposals, []))
    assert [(info['img_key'], info['scores'].tolist()) for info in infos] == [
        ('v,0902', [0.97]),
        ('v,1000', [0.99, 0.95, 0.91]),
        ('w,0910', [0.95]),
    ]
    assert infos[1]['proposals'].tolist() == BOXES[[1, 2, 0]].tolist()


def test_the_threshold_is_not_lowered_but_may_be_low(proposals):
    assert len(ProposalDataset(proposals, [], score_thr=0.96)) == 2
    infos = _infos(ProposalDataset(proposals, [], score_thr=0))
    assert [len(info['scores']) for info in infos] == [3, 2, 3, 1]


def test_equal_scores_keep_their_order(tmp_path):
    path = _write(tmp_path / 'p.pkl', {'v,0902': [0.95, 0.99, 0.95]})
    (info,) = _infos(ProposalDataset(path, []))
    assert info['proposals'].tolist() == BOXES[[1, 0, 2]].tolist()


def test_no_annotated_box(proposals):
    for info in _infos(ProposalDataset(proposals, [], num_classes=7)):
        assert (info['gt_bboxes'].shape, info['gt_labels'].shape) == ((0, 4), (0, 7))


def test_otherwise_a_sample_of_ava(proposals, tmp_path):
    """All but the boxes is as mmlt.AVADataset gives it, of the same keyframes."""
    keys = ['v,0902', 'v,1000', 'w,0910']
    rows = [f'{key},{",".join(map(str, BOXES[0]))},1,0\n' for key in keys]
    (tmp_path / 'val.csv').write_text(''.join(rows))
    options = dict(
        pipeline=[],
        data_prefix=dict(img='frames'),
        filename_tmpl='f_{:06d}.png',
        timestamp_start=800,
        timestamp_end=1100,
        fps=8,
        num_classes=5,
    )
    annotated = ava_dataset.AVADataset(
        str(tmp_path / 'val.csv'), proposal_file=proposals, test_mode=True, **options
    )
    ours, others = _infos(ProposalDataset(proposals, **options)), _infos(annotated)
    own = {'gt_bboxes', 'gt_labels', 'entity_ids', 'proposals', 'scores'}
    assert ours[0].keys() == others[0].keys()
    for info, other in zip(ours, others):
        assert {k: info[k] for k in info.keys() - own} == {k: other[k] for k in other.keys() - own}
        assert info['proposals'].dtype == other['proposals'].dtype
    assert ours[0]['frame_dir'] == 'frames/v' and ours[0]['shot_info'] == (0, 2400)


def test_through_mmaction2s_transforms(proposals):
    pipeline = [
        dict(type='Resize', scale=(-1, 32)),
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs'),
    ]
    config = dict(type='mmlt.ProposalDataset', proposal_file=proposals, num_classes=5)
    dataset = DATASETS.build(dict(config, pipeline=pipeline))
    info = dataset.get_data_info(1)
    frames = [np.zeros((16, 24, 3), np.uint8) for _ in range(4)]
    info.update(imgs=frames, img_shape=(16, 24), original_shape=(16, 24), num_clips=1, clip_len=4)
    sample = dataset.pipeline(info)['data_samples']
    # the frames become twice as large, and so do the boxes
    np.testing.assert_allclose(sample.proposals.bboxes, 2 * BOXES[[1, 2, 0]])
    assert sample.gt_instances.bboxes.shape == (0, 4)
    assert sample.gt_instances.labels.shape == (0, 5)


def test_several_files(proposals, tmp_path):
    other = _write(tmp_path / 'other.pkl', {'u,0905': [0.93], 'w,0911': [0.94]})
    dataset = ProposalDataset([proposals, other], [])
    keys = [info['img_key'] for info in _infos(dataset)]
    assert keys == ['u,0905', 'v,0902', 'v,1000', 'w,0910', 'w,0911']


def test_a_keyframe_in_two_files(proposals, tmp_path):
    other = _write(tmp_path / 'other.pkl', {'v,903': [0.1]})
    message = r"other\.pkl: 'v,0903' stands in .*/proposals\.pkl too"
    with pytest.raises(ValueError, match=message):
        ProposalDataset([proposals, other], [])


def test_nobody(proposals):
    message = r'proposals\.pkl: no person has a score above score_thr=0\.99'
    with pytest.raises(ValueError, match=message):
        ProposalDataset(proposals, [], score_thr=0.99)


def test_boxes_without_scores(tmp_path):
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps({'v,0902': BOXES}))
    with pytest.raises(ValueError, match=r"p\.pkl: 'v,0902' has boxes without a score"):
        ProposalDataset(str(tmp_path / 'p.pkl'), [])


@pytest.mark.parametrize('name', NOT_TAKEN)
def test_what_speaks_of_annotations_is_refused(proposals, name):
    with pytest.raises(ValueError, match=f"{name}='x': a dataset of proposals reads no annot"):
        ProposalDataset(proposals, [], **{name: 'x'})


def test_a_threshold_that_is_no_score(proposals):
    with pytest.raises(ValueError, match='score_thr must be a number in'):
        ProposalDataset(proposals, [], score_thr=90)


@pytest.mark.parametrize(
    'bounds', [dict(timestamp_start=903), dict(timestamp_end=999), dict(timestamp_start=1001)]
)
def test_timestamps_outside_of_the_range_that_chooses_frames(proposals, bounds):
    first = 'v,1000' if 'timestamp_end' in bounds else 'v,0902'
    start, end = bounds.get('timestamp_start', 900), bounds.get('timestamp_end', 1800)
    with pytest.raises(ValueError) as error:
        ProposalDataset(proposals, [], **bounds)
    text = str(error.value)
    assert f'proposals.pkl: {first!r}, the first of' in text and 'of 3 keyframes' in text
    assert f'outside of timestamp_start={start} to timestamp_end={end}, from' in text
    assert 'from 902 to 1000' in text
    # at one a second timestamps are frames
    assert len(ProposalDataset(proposals, [], **bounds, fps=1)) == 3


def test_a_video_knows_its_own_end_but_not_its_start(proposals, monkeypatch):
    said = []
    monkeypatch.setattr(proposal_dataset, 'print_log', lambda text, *_: said.append(text))
    assert len(ProposalDataset(proposals, [], use_frames=False, timestamp_end=903)) == 3
    assert not said
    assert len(ProposalDataset(proposals, [], use_frames=False, timestamp_start=903)) == 3
    assert len(said) == 1 and "'v,0902', the first of 1 of 3 keyframes" in said[0]


def test_frames_must_be_there(proposals, tmp_path):
    pipeline = [
        dict(type='SampleAVAFrames', clip_len=4, frame_interval=2, test_mode=True),
        dict(type='RawFrameDecode', io_backend='disk'),
    ]
    options = dict(data_prefix=dict(img=str(tmp_path)), fps=2)
    with pytest.raises(ValueError, match='2 of 2 videos lack the last frame that a clip reaches: '):
        ProposalDataset(proposals, pipeline, **options)
