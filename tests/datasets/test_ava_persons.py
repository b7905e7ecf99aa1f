"""Who the persons of ``mmlt.AVADataset`` are: its proposals, or the annotated boxes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from mmaction.utils import register_all_modules

from mmlt.datasets import ava_dataset

BOX, OTHER = [0.1, 0.2, 0.5, 0.9], [0.5, 0.1, 0.8, 0.6]
CSV = 'v,0902,{0},3,0\nv,0902,{0},7,0\nv,0902,{1},2,1\nv,0903,{0},1,1\nv,0904,{0},1,1\n'


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture
def files(tmp_path):
    """Three keyframes: two persons, one below .8, none in the proposals."""
    text = CSV.format(*(','.join(map(str, box)) for box in (BOX, OTHER)))
    (tmp_path / 'train.csv').write_text(text)
    proposals = {
        'v,0902': np.array([[*BOX, 0.99], [*OTHER, 0.8], [*OTHER, 0.79]]),
        'v,0903': np.array([[*BOX, 0.6], [*OTHER, 0.5]]),
    }
    (tmp_path / 'proposals.pkl').write_bytes(pickle.dumps(proposals))
    return dict(
        ann_file=str(tmp_path / 'train.csv'),
        proposal_file=str(tmp_path / 'proposals.pkl'),
        person_det_score_thr=0.8,
        pipeline=[],
        num_classes=8,
    )


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(ava_dataset, 'print_log', lambda text, *_: lines.append(text))
    return lines


def _persons(dataset):
    """Of each keyframe its second, its proposals and their scores."""
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return [
        (info['timestamp'], info['proposals'].tolist(), info['scores'].tolist()) for info in infos
    ]


@pytest.mark.parametrize('test_mode', [False, True])
def test_as_in_mmaction2_every_keyframe_keeps_a_person_and_it_is_said(files, said, test_mode):
    dataset = ava_dataset.AVADataset(**files, test_mode=test_mode)
    assert _persons(dataset) == [
        (902, [BOX, OTHER], [0.99, 0.8]),
        (903, [BOX], [0.6]),  # the threshold is lowered to its best one
        (904, [[0, 0, 1, 1]], [1]),
    ]
    text = '\n'.join(said)
    assert "no proposal for 1 of 3 keyframes (the first: 'v,0904')" in text
    assert 'on 1 of 2 keyframes no proposal reaches person_det_score_thr=0.8' in text


def test_a_few_lowered_thresholds_are_said_too(files, said):
    with open(files['ann_file'], 'a') as file:
        file.writelines(f'v,{1000 + i},0.1,0.2,0.5,0.9,1,1\n' for i in range(20))
    proposals = pickle.loads(open(files['proposal_file'], 'rb').read())
    proposals.update({f'v,{1000 + i}': np.array([[*BOX, 0.9]]) for i in range(20)})
    with open(files['proposal_file'], 'wb') as file:
        pickle.dump(proposals, file)
    ava_dataset.AVADataset(**files)
    assert [text for text in said if 'on 1 of 22 keyframes no proposal reaches' in text]


def test_without_a_person_left_out_of_training(files, said):
    dataset = ava_dataset.AVADataset(**files, keep_one_person=False)
    assert _persons(dataset) == [(902, [BOX, OTHER], [0.99, 0.8])]
    (text,) = [text for text in said if 'proposal' in text]
    assert "on 2 of 3 keyframes (the first: 'v,0903')" in text and 'left out of training' in text


def test_without_a_person_tested_without_a_detection(files, said):
    dataset = ava_dataset.AVADataset(**files, keep_one_person=False, test_mode=True)
    assert _persons(dataset) == [
        (902, [BOX, OTHER], [0.99, 0.8]),
        (903, [], []),
        (904, [], []),
    ]
    assert dataset.get_data_info(1)['proposals'].shape == (0, 4)
    assert [text for text in said if 'tested without a person' in text]


@pytest.mark.parametrize('test_mode', [False, True])
@pytest.mark.parametrize('proposal_file', [None, 'no such file'])
def test_annotated_boxes_are_the_persons(files, said, test_mode, proposal_file):
    files['proposal_file'] = proposal_file  # it is not read
    dataset = ava_dataset.AVADataset(**files, persons='ground_truth', test_mode=test_mode)
    assert _persons(dataset) == [
        (902, [BOX, OTHER], [1, 1]),
        (903, [BOX], [1]),
        (904, [BOX], [1]),
    ]
    info = dataset.get_data_info(0)
    info['proposals'][:] = 0  # a copy
    assert dataset.get_data_info(0)['gt_bboxes'].tolist() == [BOX, OTHER]
    assert not [text for text in said if 'proposal' in text]


def test_other_persons_are_refused(files):
    with pytest.raises(ValueError, match="persons must be .*, got 'proposals'"):
        ava_dataset.AVADataset(**files, persons='proposals')
