"""Clips whose frames are numbered, and models that tell order from looks.

As a script it is one rank: python ordered_clips.py RANK WORLD_SIZE RENDEZVOUS WORK_DIR OUT
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

import torch
from mmaction.structures import ActionDataSample
from mmengine.dataset import Compose
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import InstanceData

import mmlt  # noqa: F401

CLIP_LEN = 8
BRIGHT = 100  # added to every frame of the clips of class 1


class Pack:
    """Packs like mmaction2's ``PackActionInputs``, and counts what it packs."""

    def __init__(self):
        self.meta_keys = ('img_shape',)
        self.packed = []

    def __call__(self, results):
        self.packed.append(results.get('filename'))
        sample = ActionDataSample().set_gt_label(results['label'])
        sample.set_metainfo({k: results[k] for k in self.meta_keys if k in results})
        return {'inputs': results['imgs'], 'data_samples': sample}


class OrderedClips(torch.utils.data.Dataset):
    """Videos of ``num_windows`` windows of one-pixel frames 0, 1, ...; labels 0 and 1 in turn."""

    metainfo = {'classes': ('order', 'looks')}

    def __init__(self, num_videos=5, layout='NCTHW', num_windows=2):
        self.num_videos = num_videos
        self.layout = layout
        self.num_windows = num_windows
        self.pipeline = Compose([])
        self.pipeline.transforms = [Pack()]

    def __len__(self):
        return self.num_videos

    def __getitem__(self, index):
        label = index % 2
        shape = {'NCTHW': (self.num_windows, 1, CLIP_LEN, 1, 1), 'CTHW': (1, CLIP_LEN, 1, 1)}
        shape['NCHW'] = (self.num_windows * CLIP_LEN, 1, 1, 1)
        frames = torch.arange(CLIP_LEN, dtype=torch.uint8) + BRIGHT * label
        clips = frames.repeat(torch.Size(shape[self.layout]).numel() // CLIP_LEN)
        results = {'filename': f'videos/{index}.mp4', 'label': label, 'img_shape': (1, 1)}
        results.update(num_clips=self.num_windows, clip_len=CLIP_LEN)
        return self.pipeline({**results, 'imgs': clips.view(shape[self.layout])})


class Looker(BaseModel):
    """Says class 1 to bright clips; to the others 0 if all windows are in order, else 2."""

    def __init__(self, format_shape='NCTHW'):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.data_preprocessor.format_shape = format_shape
        self.seen = []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        for clips, sample in zip(inputs, data_samples):
            assert 'pred_score' not in sample  # a forward must not see another's predictions
            windows = clips.flatten().view(-1, CLIP_LEN).int()
            self.seen.append((sample.metainfo.get('filename'), windows.tolist()))
            in_order = bool((windows.diff(dim=1) == 1).all())
            found = 1 if int(windows.min()) >= BRIGHT else 0 if in_order else 2
            sample.set_pred_score(torch.nn.functional.one_hot(torch.tensor(found), 3).float())
        return data_samples


class Detector(BaseModel):
    """Returns the boxes and scores of a sample, the scores mirrored if the clip is shuffled."""

    def __init__(self):
        super().__init__()
        self.data_preprocessor.format_shape = 'NCTHW'

    def forward(self, inputs, data_samples=None, mode='tensor'):
        for clip, sample in zip(inputs, data_samples):
            scores = sample.truth.scores
            in_order = bool((clip.flatten().int().diff() == 1).all())
            scores = scores if in_order else 1 - scores
            sample.pred_instances = InstanceData(bboxes=sample.truth.bboxes, scores=scores)
        return data_samples


def build_runner(work_dir, *, model=None, dataset=None, evaluator=(), batch_size=1, **test_cfg):
    """A runner that tests with ``mmlt.ShuffleBiasTestLoop``."""
    return Runner(
        model=model or Looker(),
        work_dir=str(work_dir),
        test_dataloader={
            'dataset': dataset or OrderedClips(),
            'batch_size': batch_size,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'collate_fn': {'type': 'pseudo_collate'},
        },
        test_cfg={'type': 'mmlt.ShuffleBiasTestLoop', **test_cfg},
        test_evaluator=list(evaluator),
        default_scope='mmaction',
        experiment_name=uuid.uuid4().hex,
        log_level='WARNING',
    )


def main(rank, world_size, rendezvous, work_dir, out):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=int(rank), world_size=int(world_size)
    )
    metric = {'type': 'mmlt.ShuffleBiasMetric', 'out_dir': out}
    metrics = build_runner(work_dir, evaluator=[metric, {'type': 'AccMetric'}]).test()
    Path(f'{out}.rank{rank}.json').write_text(json.dumps(metrics))
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
