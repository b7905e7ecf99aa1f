"""config.py: it parses, and says what it was told; trained with in tests/tools/data."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmlt.datasets.own_data.config_text import ConfigValues, config_text
from mmlt.datasets.own_data.training_plan import Groups, Schedule

ROOT = Path(__file__).parents[3]
VALUES = ConfigValues(
    base=ROOT / 'configs' / 'own_data' / 'slowonly_r50.py',
    names={1: 'walk', 2: 'it\'s {odd} # "name"', 9: 'sit'},
    train_counts={1: 90, 2: 20, 9: 3},
    groups=Groups(20, 3),
    num_videos={'train': 3, 'val': 1, 'test': 1},
    num_keyframes={'train': 70, 'val': 20, 'test': 30},
    schedule=Schedule(40, 7),
    topk=(1,),
    score_thr=0.7,
    score_source='where it is from',
)


def _parse(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    text = config_text(folder, VALUES._replace(**changes))
    (folder / 'config.py').write_text(text, encoding='utf-8')
    return text, Config.fromfile(folder / 'config.py')


@pytest.mark.parametrize('name', ['mine', "my data's", '日本'])
@pytest.mark.parametrize('base', ['slowonly_r50.py', 'slowfast_r50.py'])
def test_what_is_said_is_in_the_config(tmp_path, name, base):
    folder = tmp_path / name
    text, cfg = _parse(folder, base=ROOT / 'configs' / 'own_data' / base)
    annotations = f'{folder}/annotations'
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert dataset.type == 'mmlt.AVADataset'
        assert dataset.ann_file == f'{annotations}/{split}.csv'
        assert dataset.label_file == f'{annotations}/label_map.pbtxt'
        assert dataset.proposal_file == f'{folder}/proposals.pkl'
        assert dataset.video_table == f'{folder}/videos.json'
        assert (dataset.num_classes, dataset.person_det_score_thr) == (10, 0.7)
    for split in ('val', 'test'):
        evaluator = cfg[f'{split}_evaluator']
        assert evaluator.type == 'mmlt.AVALongTailMetric'
        assert evaluator.ann_file == f'{annotations}/{split}.csv'
        assert evaluator.class_counts == f'{annotations}/counts.json'
        assert evaluator.num_classes == 10
        assert (evaluator.head_min, evaluator.tail_max) == (20, 3)
        assert evaluator.dump
    assert cfg.train_dataloader.batch_size == 7
    assert cfg.val_dataloader.batch_size == 1
    assert cfg.train_cfg.max_epochs == 40
    head = cfg.model.roi_head.bbox_head
    assert (head.num_classes, tuple(head.topk)) == (10, (1,))
    assert 'data/mine' not in str(cfg.train_dataloader) + str(cfg.test_evaluator)
    assert 'head: more training boxes; walk\n' in text
    assert 'tail: at most so many; sit\n' in text


def test_without_a_test_split_val_is_tested(tmp_path):
    _, cfg = _parse(
        tmp_path, num_videos={'train': 2, 'val': 1}, num_keyframes={'train': 9, 'val': 5}
    )
    assert cfg.test_dataloader.dataset.ann_file == f'{tmp_path}/annotations/val.csv'
    assert cfg.test_evaluator.ann_file == f'{tmp_path}/annotations/val.csv'


def test_base_is_relative_inside_of_a_checkout_and_absolute_outside(tmp_path):
    checkout = tmp_path / 'checkout'
    base = checkout / 'configs' / 'own_data' / 'small.py'
    base.parent.mkdir(parents=True)
    base.write_text('train_cfg = dict(max_epochs=1)\n', encoding='utf-8')
    inside, cfg = _parse(checkout / 'data' / 'mine', base=base)
    assert "_base_ = '../../configs/own_data/small.py'" in inside
    assert cfg.train_cfg.max_epochs == 40
    outside, _ = _parse(tmp_path / 'mine', base=base)
    assert f'_base_ = {base.as_posix()!r}' in outside


def test_moved_with_its_folder(tmp_path):
    _parse(tmp_path / 'mine')
    (tmp_path / 'mine').rename(tmp_path / 'moved')
    cfg = Config.fromfile(tmp_path / 'moved' / 'config.py')
    assert cfg.val_evaluator.ann_file == f'{tmp_path}/moved/annotations/val.csv'


def test_many_names_are_listed_in_part(tmp_path):
    names = {i: f'c{i}' for i in range(1, 10)}
    text, _ = _parse(tmp_path, names=names, train_counts=dict.fromkeys(names, 99))
    assert 'head: more training boxes; c1, c2, c3, c4, c5 and 4 more\n' in text
    assert 'tail: at most so many; none\n' in text


def test_clips_are_flipped_but_where_a_class_has_a_side(tmp_path):
    def steps(names):
        text, cfg = _parse(tmp_path, names=names, train_counts=dict.fromkeys(names, 9))
        return text, [step.type for step in cfg.train_dataloader.dataset.pipeline]

    _, flipped = steps({1: 'stand', 2: 'leftover'})
    text, sided = steps({1: 'stand', 2: 'turn_left'})
    assert 'Flip' in flipped
    assert sided == [step for step in flipped if step != 'Flip']
    assert '# turn_left: in a mirror another class\n' in text
