"""The metric inside mmengine's own runner: where its files go, and what the hooks make of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData
from mmengine.visualization.vis_backend import BaseVisBackend

from mmlt.fileio.class_counts import ClassCounts, write_class_counts
from mmlt.fileio.label_map import read_label_map
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


@VISBACKENDS.register_module()
class StrictBackend(BaseVisBackend):
    """Takes of scalars only what every backend of mmengine takes."""

    def __init__(self, save_dir=None):
        super().__init__(save_dir or '.')
        self.found = {}

    experiment = None

    def _init_env(self):
        pass

    def add_scalar(self, name, value, step=0, **kwargs):
        assert isinstance(value, (int, float)), (name, value)  # TensorBoard skips all else
        assert name and name == name.strip() and '//' not in name and '\n' not in name, name
        self.found.setdefault(name, []).append((step, value))

    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        assert 'step' not in scalar_dict  # as in mmengine's TensorboardVisBackend
        for name, value in scalar_dict.items():
            self.add_scalar(name, value, step)


@pytest.fixture
def runner(tmp_path, request):
    names = read_label_map(WORLD / 'label_map.pbtxt')
    counts = ClassCounts('by hand', 'boxes', names, {1: 9000, 2: 500, 5: 0, 7: 20_000})
    write_class_counts(tmp_path / 'counts.json', counts)
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
        'class_counts': str(tmp_path / 'counts.json'),
        'dump': 'detections.parquet',
        'per_class_keys': True,
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
        visualizer={
            'type': 'Visualizer',
            'vis_backends': [{'type': 'LocalVisBackend'}, {'type': 'StrictBackend'}],
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


def test_visualisers_get_the_groups_each_epoch(runner):
    runner.train()
    scalars = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
    lines = [json.loads(line) for line in scalars.open()]
    lines = [line for line in lines if 'ava/mSAP' in line]
    assert [line['step'] for line in lines] == [1, 2]
    strict = runner.visualizer.get_backend('StrictBackend').found
    # derived in tests/evaluation/test_ava.py: SAP of lie, of stand, and of sit
    for group, sap in (('head', 5 / 6), ('medium', 11 / 12), ('tail', 7 / 12)):
        assert [line[f'ava/{group}/mSAP'] for line in lines] == pytest.approx([sap, sap])
        for key in ('frame_mAP', 'mSAP', 'mAUC'):
            values = [(line['step'], line[f'ava/{group}/{key}']) for line in lines]
            assert strict[f'ava/{group}/{key}'] == values
    # A class's name stands in the key as it is, with its blanks, brackets and slash.
    assert {'ava/SAP/wave (a hand)', 'ava/SAP/lie/sleep'} <= set(lines[0]) & set(strict)


def test_the_log_averages_losses_and_no_class(runner):
    """A class may be called 'flossing': what is logged of it must be of this epoch alone."""
    base = Config.fromfile(Path(__file__).parents[3] / 'configs/_base_/default_runtime.py')
    hub, processor = runner.message_hub, runner.build_log_processor(base.log_processor)
    for value in (0.25, 0.75):
        hub.update_scalar('val/longtail/AP/flossing', value)
        hub.update_scalar('val/time', value)
        hub.update_scalar('train/loss_action_cls', value)
    found = processor._collect_scalars([], runner, 'val')
    assert found == {'longtail/AP/flossing': 0.75, 'time': 0.5}
    assert processor._collect_scalars([], runner, 'train') == {'loss_action_cls': 0.5}
