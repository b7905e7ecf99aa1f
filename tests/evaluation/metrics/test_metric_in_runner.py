"""The metric inside mmengine's own runner: where its files go, and what the hooks make of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData

from mmlt.functional import read_ava_csv

WORLD = Path(__file__).parents[2] / 'data' / 'hand_world'


class Keyframes(torch.utils.data.Dataset):
    """The detections of the hand-made world, one item a keyframe."""

    def __init__(self):
        rows = read_ava_csv(WORLD / 'detections.csv')
        self.items = []
        for video, time in (('v', 1), ('v', 2), ('w', 1)):
            names = rows.video_names[rows.video_index]
            of_keyframe = (names == video) & (rows.timestamps == time)
            boxes = torch.from_numpy(rows.boxes_xyxy_norm[of_keyframe][::4]).float()
            scores = torch.zeros(len(boxes), 8)
            ids = torch.tensor([1, 2, 5, 7])
            scores[:, ids] = torch.from_numpy(rows.scores[of_keyframe]).float().reshape(-1, 4)
            sample = BaseDataElement(metainfo={'video_id': video, 'timestamp': time})
            sample.pred_instances = InstanceData(bboxes=boxes, scores=scores)
            self.items.append(sample)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return {'inputs': torch.ones(1), 'data_samples': self.items[index]}


class Detector(BaseModel):
    """Returns the given data samples, as mmaction2's detectors return theirs."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            return {'loss': (inputs[0] * self.weight).sum()}
        return data_samples


@pytest.fixture
def runner(tmp_path, request):
    loader = {
        'dataset': Keyframes(),
        'batch_size': 1,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'pseudo_collate'},
    }
    metric = {
        'type': 'mmlt.AVALongTailMetric',
        'ann_file': str(WORLD / 'ground_truth.csv'),
        'label_file': str(WORLD / 'label_map.pbtxt'),
        'dump': 'detections.parquet',
    }
    return Runner(
        model=Detector(),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader=loader,
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        train_cfg={'by_epoch': True, 'max_epochs': 2},
        val_cfg={},
        val_evaluator=metric,
        default_hooks={
            'checkpoint': {'save_best': 'ava/mSAP', 'rule': 'greater', 'type': 'CheckpointHook'}
        },
        default_scope='mmaction',
        experiment_name=request.node.name,
        log_level='WARNING',
    )


def test_a_job_finds_the_results_beside_its_log(runner, tmp_path):
    runner.train()
    folder = Path(runner.log_dir)
    assert folder.parent == tmp_path
    metrics = json.loads((folder / 'metrics.json').read_text())
    assert metrics['mSAP'] == pytest.approx(7 / 9, abs=1e-12)
    assert (folder / 'per_class.csv').is_file()
    assert (folder / 'detections.parquet').is_file()
    # Two evaluations, one set of files, and none elsewhere.
    assert len(list(tmp_path.rglob('metrics.json'))) == 1
    assert len(list(tmp_path.glob('best_ava_mSAP_epoch_*.pth'))) == 1
    scalars = [json.loads(line) for line in (folder / 'vis_data' / 'scalars.json').open()]
    logged = [line for line in scalars if 'ava/mSAP' in line]
    assert len(logged) == 2
    assert logged[0]['ava/AP/stand'] == pytest.approx(11 / 12)
    assert math.isnan(logged[0]['ava/AP/wave (a hand)'])
