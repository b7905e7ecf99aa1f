"""What extract_box_features.py and build_feature_bank.py share; see also their own tests."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from mmengine.config import Config

from mmlt.experiments import box_extraction
from mmlt.experiments.box_extraction import (
    add_extraction_options,
    check_extraction_options,
    dataset_config,
    extract_shards,
    hash_settings,
    on_rank_zero,
)


class Keyframes:
    """Keyframe i has a sample of i and the text 'i' beside it."""

    def __len__(self):
        return 11

    def __getitem__(self, index):
        return index, {'inputs': index}, str(index)


@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_batches_are_the_same_on_any_number_of_ranks(monkeypatch, world_size):
    """11 keyframes in shards of 4, of which the second is there: batches of 3 and 1, 3."""
    args = argparse.Namespace(batch_size=3, num_workers=0, keyframes_per_shard=4)
    batches, written = [], {}

    def extract(samples):
        batches.append([sample['inputs'] for sample in samples])
        return [(np.full((2, 1), sample['inputs']), None) for sample in samples]

    def make_rows(index, features, boxes, text):
        assert text == str(index)
        return features, np.array([text])

    def write(number, features, texts):
        written[number] = features[:, 0].tolist(), texts.tolist()

    for rank in range(world_size):
        monkeypatch.setattr(box_extraction, 'get_dist_info', lambda rank=rank: (rank, world_size))
        how = dict(name='train', make_rows=make_rows, write=write)
        extract_shards(extract, Keyframes(), [0, 2], args, **how)
    assert sorted(batches) == [[0, 1, 2], [3], [8, 9, 10]]
    assert written == {
        0: ([0, 0, 1, 1, 2, 2, 3, 3], ['0', '1', '2', '3']),
        2: ([8, 8, 9, 9, 10, 10], ['8', '9', '10']),
    }


def test_an_error_of_rank_zero_is_told():
    assert on_rank_zero(lambda: True) is True

    def refuse():
        raise FileExistsError('val: another bank')

    with pytest.raises(ValueError, match='val: another bank'):
        on_rank_zero(refuse)


def test_the_test_set_may_lend_train_its_pipeline():
    steps = [dict(type='mmaction.SampleAVAFrames', clip_len=8), dict(type='Flip')]
    config = Config(
        dict(
            train_dataloader=dict(dataset=dict(type='D', pipeline=steps)),
            test_dataloader=dict(dataset=dict(type='D', pipeline=steps[:1])),
        )
    )
    expected = [dict(type='mmaction.SampleAVAFrames', clip_len=8, test_mode=True)]
    assert dataset_config(config, 'train')['pipeline'] == expected
    config.pop('test_dataloader')
    with pytest.raises(ValueError, match='no val_dataloader, whose pipeline train is to take'):
        dataset_config(config, 'train')


def test_settings_that_differ_have_another_hash():
    config = Config(dict(model=dict(type='M', depth=50)))
    of_one = hash_settings(config, dict(type='D', fps=30))
    assert of_one == hash_settings(config, dict(fps=30, type='D'))
    assert of_one != hash_settings(config, dict(type='D', fps=8))
    config.model.depth = 101
    assert of_one != hash_settings(config, dict(type='D', fps=30))


@pytest.mark.parametrize('option', ['--batch-size', '--keyframes-per-shard'])
def test_sizes_below_one(option, capsys):
    parser = argparse.ArgumentParser()
    add_extraction_options(parser, argparse.Action)
    check_extraction_options(parser, parser.parse_args([]))
    with pytest.raises(SystemExit):
        check_extraction_options(parser, parser.parse_args([option, '0']))
    assert f'{option} must be at least 1' in capsys.readouterr().err
