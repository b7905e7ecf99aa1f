"""The configs of two-stage training: they build over each base, and the tool takes them."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import OPTIMIZERS

from mmlt.datasets.own_data.config_text import ConfigValues, config_text
from mmlt.datasets.own_data.training_plan import Groups, Schedule
from mmlt.datasets.own_data.two_stage_text import (
    STAGE_ONE_FILE,
    STAGE_TWO_FILE,
    two_stage_texts,
)
from mmlt.experiments.commands import check_plain_path
from mmlt.experiments.two_stage import TwoStage
from mmlt.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs'
WIDTHS = {
    'own_data/slowonly_r50.py': 2048,
    'own_data/slowfast_r50.py': 2304,
    'toy/slowonly_toy_own_data.py': 64,
}


def _write(folder, base='toy/slowonly_toy_own_data.py'):
    folder.mkdir()
    config = folder / 'config.py'
    values = ConfigValues(
        base=CONFIGS / base,
        names={1: 'walk', 2: 'wave', 9: 'sit'},
        train_counts={1: 90, 2: 20, 9: 3},
        groups=Groups(20, 3),
        num_videos={'train': 3, 'val': 1, 'test': 1},
        num_keyframes={'train': 70, 'val': 20, 'test': 30},
        schedule=Schedule(40, 7),
        topk=(1,),
        score_thr=0.7,
        score_source='where it is from',
    )
    config.write_text(config_text(folder, values), encoding='utf-8')
    for name, text in two_stage_texts(config, Groups(20, 3), [700, 20, 3, 0]).items():
        (folder / name).write_text(text, encoding='utf-8')
    return config


@pytest.mark.parametrize('base', WIDTHS)
def test_they_build_over_each_base(tmp_path, base):
    """Classes 1 to 9, so 10 columns; features as wide as the network's."""
    config = _write(tmp_path / 'mine', base)
    one = Config.fromfile(config.with_name(STAGE_ONE_FILE))
    head = one.model.roi_head.bbox_head
    split = {'head': [1, 2], 'medium': [], 'tail': list(range(3, 10))}
    (tmp_path / 'split.json').write_text(json.dumps(split))
    built = MODELS.build({**head, 'split_file': str(tmp_path / 'split.json')})
    assert built.fc_cls.weight.shape == (10, WIDTHS[base])
    assert one.train_dataloader.dataset.ann_file == f'{tmp_path}/mine/annotations/train.csv'

    two = Config.fromfile(config.with_name(STAGE_TWO_FILE))
    classifier = MODELS.build(two.model)
    assert classifier.bbox_head.fc_cls.weight.shape == (10, WIDTHS[base])
    assert OPTIMIZERS.get(two.optim_wrapper.optimizer.type) is torch.optim.Adam
    assert two.custom_hooks == [] and not two.auto_scale_lr.enable
    # an epoch has 3 x 700 boxes, 3 updates; the fourth class has none
    assert (two.train_cfg.max_epochs, two.param_scheduler[0].end) == (334, 334)
    for name, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        dataset = two[f'{name}_dataloader'].dataset
        assert dataset.type == 'mmlt.BoxFeatureDataset' and 'ann_file' not in dataset
        assert dataset.feature_dir == f'work_dirs/mine/two_stage/features/{split}'
        assert (dataset.in_channels, dataset.num_classes) == (WIDTHS[base], 10)
    assert two.test_evaluator.ann_file == f'{tmp_path}/mine/annotations/val.csv'


@pytest.mark.parametrize('name', ['mine', "my data's, new", '日本'])
def test_command_is_one_that_the_tool_takes(tmp_path, name):
    config = _write(tmp_path / name)
    text = ast.get_docstring(ast.parse(config.with_name(STAGE_ONE_FILE).read_text('utf-8')))
    command = shlex.split(text.partition('Command, both stages: ')[2].partition('\n')[0])
    assert command[0] == 'tools/two_stage.sh' and Path(command[1]) == config
    assert command[3:-1] == '--split counts --head-min 20 --tail-max 3 --work-dir'.split()
    check_plain_path('--work-dir', command[-1])
    TwoStage(config, 1, 'counts', Path(command[-1]), tail_max=3, head_min=20).check()
    split_file = Config.fromfile(config.with_name(STAGE_ONE_FILE)).split_file
    assert split_file == f'{command[-1]}/split.json'
