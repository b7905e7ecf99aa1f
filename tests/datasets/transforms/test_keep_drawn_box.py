from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

import mmlt  # noqa: F401 (makes mmaction.models importable)
from mmlt.datasets.samplers import DrawnIndex
from mmlt.registry import TRANSFORMS

# isort: split
from mmaction.datasets.transforms import PackActionInputs
from mmaction.models.task_modules.assigners.max_iou_assigner_ava import MaxIoUAssignerAVA
from mmdet.models.task_modules.samplers import RandomSampler
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def _scope_of_detectors():
    """Whatever scope a test before has left behind."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


BOXES = np.array([[0.1, 0.1, 0.5, 0.9], [0.2, 0.1, 0.6, 0.9], [0.5, 0.0, 0.9, 1.0]])
LABELS = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 0]], dtype=np.float32)


def _results(index, **others):
    results = dict(gt_bboxes=BOXES.copy(), gt_labels=LABELS.copy(), entity_ids=np.array([7, 8, 9]))
    results.update(proposals=BOXES[:2] + 0.01, scores=np.array([0.9, 0.8]), sample_idx=index)
    return {**results, **others}


def _keep(**options):
    return TRANSFORMS.build(dict(type='mmlt.KeepDrawnBox', **options))


@pytest.mark.parametrize('box', [0, 1, 2])
def test_the_drawn_box_stays_with_all_its_labels(box):
    results = _keep()(_results(DrawnIndex(4, box=box, class_id=1)))
    np.testing.assert_array_equal(results['gt_bboxes'], BOXES[[box]])
    np.testing.assert_array_equal(results['gt_labels'], LABELS[[box]])
    assert results['entity_ids'].tolist() == [7 + box]
    assert results['proposals'].shape == (0, 4) and results['proposals'].dtype == np.float32
    assert results['scores'].shape == (0,)
    assert results['sample_idx'] == 4


def test_proposals_may_stay():
    results = _keep(proposals='keep')(_results(DrawnIndex(4, box=1)))
    np.testing.assert_array_equal(results['proposals'], BOXES[:2] + 0.01)
    np.testing.assert_array_equal(results['scores'], [0.9, 0.8])
    assert len(results['gt_bboxes']) == 1


def test_a_dataset_without_proposals():
    results = _results(DrawnIndex(4, box=1))
    for key in ('proposals', 'scores', 'entity_ids'):
        del results[key]
    assert set(_keep()(results)) == {'gt_bboxes', 'gt_labels', 'sample_idx'}


def test_lists_of_labels_and_no_proposals_at_all():
    labels = [[1, 2], [2], [1]]
    results = _keep()(_results(DrawnIndex(4, box=2), gt_labels=labels, proposals=None))
    assert results['gt_labels'] == [[1]] and results['proposals'] is None


@pytest.mark.parametrize(('proposals', 'num_rois'), [('drop', 1), ('keep', 3)])
def test_rois_of_a_keyframe(proposals, num_rois):
    # packed, assigned and sampled as in mmaction2's training; 'keep': the box and two proposals
    results = _keep(proposals=proposals)(_results(DrawnIndex(4, box=0)))
    results['imgs'] = np.zeros((1, 3, 4, 8, 8), dtype=np.float32)
    sample = PackActionInputs()(results)['data_samples']
    assigner = MaxIoUAssignerAVA(pos_iou_thr=0.9, neg_iou_thr=0.9, min_pos_iou=0.9)
    sampler = RandomSampler(num=32, pos_fraction=1, neg_pos_ub=-1, add_gt_as_proposals=True)
    priors = InstanceData(priors=sample.proposals.bboxes.float())
    sample.gt_instances.bboxes = sample.gt_instances.bboxes.float()
    assigned = assigner.assign(priors, sample.gt_instances)
    sampled = sampler.sample(assigned, priors, sample.gt_instances)
    assert len(sampled.priors) == num_rois
    positive = torch.from_numpy(BOXES[[0]]).float()
    assert torch.equal(sampled.pos_priors[sampled.pos_is_gt.bool()], positive)
    assert torch.equal(sampled.pos_gt_labels[:1], torch.from_numpy(LABELS[[0]]))


@pytest.mark.parametrize(
    ('index', 'message'),
    [
        (3, r"sample_idx is 3, which names no box: .* needs sampler=dict\(type='mmlt.ClassBal"),
        (None, 'sample_idx is None, which names no box'),
        (DrawnIndex(3, class_id=1), r'sample_idx is DrawnIndex\(3, box=None, .*names no box'),
        (DrawnIndex(3, box=3), 'DrawnIndex.3, box=3, .*: the sample has 3 gt_bboxes'),
    ],
)
def test_errors(index, message):
    with pytest.raises(ValueError, match=message):
        _keep()(_results(index))


def test_bad_option():
    with pytest.raises(ValueError, match="proposals must be one of 'drop', 'keep', got 'mask'"):
        _keep(proposals='mask')


def test_repr():
    assert repr(_keep()) == "KeepDrawnBox(proposals='drop')"
