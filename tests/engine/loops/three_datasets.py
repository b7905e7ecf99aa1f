"""Three small datasets whose predictions are given, and a runner that judges them.

'ava' is the hand-made world of detections, mSAP 7/9 (derived in tests/evaluation/test_ava.py). Of
the 3 clips of 'k400' 2 are right, of the 4 of 'ssv2' one.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import torch
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData

import mmlt  # noqa: F401
from mmlt.functional import read_ava_csv

WORLD = Path(__file__).parents[2] / 'data' / 'hand_world'
AVA_METRIC = {
    'type': 'mmlt.AVALongTailMetric',
    'ann_file': str(WORLD / 'ground_truth.csv'),
    'label_file': str(WORLD / 'label_map.pbtxt'),
}
RIGHT = {'k400': [True, False, True], 'ssv2': [False, False, True, False]}
MSAP = 7 / 9


class Samples(torch.utils.data.Dataset):
    """Data samples with the predictions in them."""

    def __init__(self, samples, **metainfo):
        self.samples, self.metainfo = samples, metainfo

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return {'inputs': torch.ones(1, 1, 1, 1), 'data_samples': self.samples[index]}


def keyframes():
    rows = read_ava_csv(WORLD / 'detections.csv')
    names, samples = rows.video_names[rows.video_index], []
    for video, time in (('v', 1), ('v', 2), ('w', 1)):
        own = (names == video) & (rows.timestamps == time)
        scores = torch.zeros(own.sum() // 4, 8)
        scores[:, [1, 2, 5, 7]] = torch.from_numpy(rows.scores[own]).float().reshape(-1, 4)
        boxes = torch.from_numpy(rows.boxes_xyxy_norm[own][::4]).float()
        sample = BaseDataElement(metainfo={'video_id': video, 'timestamp': time})
        sample.pred_instances = InstanceData(bboxes=boxes, scores=scores)
        samples.append(sample)
    return Samples(samples, dataset_type='ava')


def clips(name):
    samples = []
    for index, right in enumerate(RIGHT[name]):
        scores = torch.tensor([0.7, 0.3] if right else [0.3, 0.7])
        sample = ActionDataSample().set_gt_label(0).set_pred_score(scores)
        sample.set_metainfo({'filename': f'{name}_{index}.mp4'})
        samples.append(sample)
    return Samples(samples, classes=(f'{name} 0', f'{name} 1'))


class Recall(BaseModel):
    """Returns the given samples; their number as a loss beside them, if asked."""

    def __init__(self, with_loss=False):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.with_loss = with_loss
        self.dtypes, self.num_batches = set(), 0

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            return {'loss': (inputs[0] * self.weight).sum()}
        self.num_batches += 1
        self.dtypes.add((self.weight.view(1, 1) @ inputs[0].view(1, 1)).dtype)
        losses = [BaseDataElement(loss={'loss_cls': torch.tensor(float(len(data_samples)))})]
        return [*data_samples, *losses] if self.with_loss else data_samples


def loader(dataset, batch_size=1):
    return {
        'dataset': dataset,
        'batch_size': batch_size,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'pseudo_collate'},
    }


def loaders():
    k400, ssv2 = (loader(clips(name), batch_size=2) for name in ('k400', 'ssv2'))
    return {'ava': loader(keyframes()), 'k400': k400, 'ssv2': ssv2}


def evaluators():
    accuracy = {'type': 'AccMetric', 'metric_options': {'top_k_accuracy': {'topk': (1,)}}}
    return {'ava': AVA_METRIC, 'k400': accuracy, 'ssv2': [{**accuracy, 'prefix': 'mine'}]}


def build_runner(work_dir, stage='test', *, model=None, dataloader=None, evaluator=None, **others):
    """A runner whose validation or test is that of all three datasets."""
    config = dict(type='mmlt.MultiDatasetTestLoop', fp16=others.pop('fp16', False))
    if stage == 'val':
        config['type'] = 'mmlt.MultiDatasetValLoop'
    return Runner(
        model=model or Recall(),
        work_dir=str(work_dir),
        default_scope='mmaction',
        experiment_name=uuid.uuid4().hex,
        log_level='WARNING',
        **{
            f'{stage}_dataloader': loaders() if dataloader is None else dataloader,
            f'{stage}_evaluator': evaluators() if evaluator is None else evaluator,
            f'{stage}_cfg': config,
        },
        **others,
    )


def main(rank, work_dir, out):
    """What one of two ranks does."""
    dump = {'type': 'DumpResults', 'out_file_path': f'{out}.pkl'}
    metrics = build_runner(work_dir, evaluator=[evaluators(), dump]).test()
    Path(f'{out}.rank{rank}.json').write_text(json.dumps(metrics))
