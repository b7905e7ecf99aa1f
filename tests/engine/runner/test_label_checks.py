from __future__ import annotations

import pytest

from mmlt.engine.runner.dataset_checks import check_config

LABELS = 'item {{\n  name: "{}"\n  id: 1\n}}\nitem {{\n  name: "{}"\n  id: 2\n}}\n'


def _refused(config, message):
    with pytest.raises(ValueError, match=message):
        check_config(config)


def test_label_maps_of_one_head_that_differ(config, tmp_path):
    for name, words in (('a', ('sit', 'stand')), ('b', ('sit', 'run')), ('c', ('sit', 'stand'))):
        (tmp_path / f'{name}.pbtxt').write_text(LABELS.format(*words))
    ava = config.datasets.ava
    ava.train.label_file = str(tmp_path / 'a.pbtxt')
    config.datasets.kbox = {'train': dict(ava.train), 'batch_size': 4, 'head': 'ava'}
    config.datasets.kbox.train.label_file = str(tmp_path / 'c.pbtxt')
    check_config(config)  # two files that say the same
    config.datasets.kbox.train.label_file = str(tmp_path / 'b.pbtxt')
    _refused(
        config,
        "datasets.kbox.train and datasets.ava.train go through head 'ava' with different label "
        "maps: class 2 is 'run' and 'stand'",
    )


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('num_classes', 61, 'num_classes is 61 and 81'),
        ('custom_classes', [1, 3], r'custom_classes is \[1, 3\] and \[1, 2\]'),
    ],
)
def test_columns_of_one_head_that_differ(config, key, value, message):
    config.datasets.ava.train.custom_classes = config.datasets.ava.val.custom_classes = [1, 2]
    check_config(config)
    config.datasets.ava.val[key] = value
    _refused(config, f'datasets.ava.val and datasets.ava.train go through .*: {message}')


@pytest.mark.parametrize('wrapped', [False, True])
@pytest.mark.parametrize(
    ('kind', 'line'), [('VideoDataset', 'b.mp4 400'), ('mmaction.RawframeDataset', 'b 300 400')]
)
def test_a_clip_that_the_head_has_no_column_for(config, tmp_path, kind, line, wrapped):
    path = tmp_path / 'train.txt'
    dataset = {'type': kind, 'ann_file': str(path), 'pipeline': [{'type': 'Pack'}]}
    config.datasets.k400.train = (
        {'type': 'RepeatDataset', 'times': 2, 'dataset': dataset} if wrapped else dataset
    )
    config.model.heads.k400.num_classes = 400
    path.write_text('a.mp4 399\n')
    check_config(config)
    path.write_text(f'a.mp4 0\n{line}\n')
    _refused(
        config,
        r"datasets.k400.train: .*train.txt has label 400, and head 'k400' has num_classes=400 "
        r'\(labels 0 to 399\)',
    )


def test_an_empty_list_of_clips(config, tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text('\n')
    config.datasets.k400.train.ann_file = str(path)
    _refused(config, 'datasets.k400.train: .*train.txt is empty, it lists no clip')


def test_lists_that_cannot_be_judged_are_left_to_the_dataset(config, tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text('a.mp4 500\n')
    config.datasets.k400.train.ann_file = str(path)
    check_config(config)  # num_classes is not said
    config.model.heads.k400.num_classes = 400
    config.datasets.k400.train.type = 'my.Dataset'
    check_config(config)
    config.datasets.k400.train.type = 'VideoDataset'
    config.datasets.k400.train.ann_file = str(tmp_path / 'absent.txt')
    check_config(config)
    assert config.model.heads.k400.num_classes == 400
