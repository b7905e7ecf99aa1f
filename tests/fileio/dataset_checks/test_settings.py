"""What a config says of its data sets."""

from __future__ import annotations

from mmengine.config import Config

from mmlt.fileio.dataset_checks.settings import (
    GroupRule,
    SplitSettings,
    group_rule,
    split_of_dataset,
    splits_of_config,
)

AVA = dict(type='AVADataset', ann_file='train.csv', pipeline=[])


def _loader(dataset):
    return dict(dataset=dataset)


def test_defaults_are_mmaction2s():
    import inspect

    from mmaction.datasets import AVADataset

    parameters = inspect.signature(AVADataset).parameters
    ours = split_of_dataset('train', AVA)._asdict()
    same = set(ours) & set(parameters) - {'ann_file'}
    assert len(same) == 12
    assert {k: ours[k] for k in same} == {k: parameters[k].default for k in same}


def test_paths_are_joined_with_data_root():
    own = dict(AVA, data_root='data/mine', data_prefix=dict(img='frames'), label_file='map.pbtxt')
    split = split_of_dataset('train', own)
    assert (split.ann_file, split.frame_root) == ('data/mine/train.csv', 'data/mine/frames')
    assert split.label_file == 'map.pbtxt'  # which mmaction2 does not join


def test_datasets_inside_of_wrappers_are_found():
    other = dict(AVA, ann_file='other.csv', type='mmlt.AVADataset')
    wrapped = dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[AVA, other]))
    config = Config(dict(train_dataloader=_loader(wrapped)))
    found = [(s.name, s.ann_file) for s in splits_of_config(config)]
    assert found == [('train', 'train.csv'), ('train 2', 'other.csv')]


def test_datasets_by_name_are_found():
    inner = dict(kinetics=dict(type='VideoDataset', ann_file='k.txt'), ava=AVA)
    config = dict(train_dataloader=_loader(dict(type='mmlt.CofinetuneDataset', datasets=inner)))
    assert [s.ann_file for s in splits_of_config(config)] == ['train.csv']


def test_a_test_split_that_is_val_again_is_one_split():
    val = dict(AVA, ann_file='val.csv')
    config = dict(
        train_dataloader=_loader(AVA), val_dataloader=_loader(val), test_dataloader=_loader(val)
    )
    assert [s.name for s in splits_of_config(config)] == ['train', 'val']


def test_other_datasets_and_no_loaders_give_nothing():
    assert splits_of_config(dict(train_dataloader=None)) == []
    video = dict(type='VideoDataset', ann_file='k.txt')
    assert splits_of_config(dict(train_dataloader=_loader(video))) == []


def test_annotated_persons_need_no_proposals():
    own = dict(AVA, type='mmlt.AVADataset', proposal_file='p.pkl', persons='ground_truth')
    assert split_of_dataset('train', own).proposal_file is None


def test_reach_of_a_clip_is_that_of_the_sampler():
    """8 frames, every fourth: 3 behind the centre; in training up to one more frame."""
    sampler = dict(type='SampleAVAFrames', clip_len=8, frame_interval=4)
    assert split_of_dataset('train', dict(AVA, pipeline=[sampler])).clip_reach == 3 * 4 + 1
    tested = dict(sampler, test_mode=True)
    assert split_of_dataset('val', dict(AVA, pipeline=[tested])).clip_reach == 3 * 4


def test_reach_of_a_clip_in_seconds():
    """4 frames, half a second apart, the third in the centre: one behind it."""
    sampler = dict(type='mmlt.SampleAVATimes', clip_len=4, interval_sec=0.5)
    split = split_of_dataset('train', dict(AVA, pipeline=[sampler]))
    assert (split.clip_reach, split.clip_reach_sec) == (0, 0.5)
    assert split_of_dataset('train', AVA).clip_reach_sec is None


def test_groups_are_those_of_the_metric():
    assert group_rule({}) == GroupRule(10_000, 999, None)
    metric = dict(type='mmlt.AVALongTailMetric', head_min=50, split_file=None)
    assert group_rule(dict(val_evaluator=metric)) == GroupRule(50, 999, None)
    assert group_rule(dict(val_evaluator=[dict(type='AVAMetric'), metric])).head_min == 50


def test_settings_name_what_they_hold():
    assert SplitSettings('train', 'a.csv').custom_classes is None
    assert split_of_dataset('train', dict(AVA, custom_classes=[3, 1])).custom_classes == (3, 1)
