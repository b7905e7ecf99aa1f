"""What is drawn, trained and extracted, as commands."""

import pytest
from mmengine.config import Config

from mmlt.experiments.three_branch_features.worlds import (
    TRUNK_CONFIG,
    World,
    dataset_overrides,
    world_steps,
)

WORLD = World(1 / 3, 1)


def test_names():
    assert WORLD.name == 'share0.333_world1'
    assert WORLD.cell == 'a third of the object labels depend on context'
    assert World(0.0, 0).cell == 'no object label depends on context'
    assert World(0.5, 0).cell == '0.5 of the object labels depend on context'


def test_the_toy_detector_reads_nothing_of_another_world(tmp_path):
    config = Config.fromfile(TRUNK_CONFIG)
    config.merge_from_dict(dataset_overrides(tmp_path, WORLD.config()))
    for part in ('train', 'val', 'test'):
        loader = config[f'{part}_dataloader'].dataset
        assert (loader.timestamp_start, loader.timestamp_end) == (901, 942)
        evaluator = config.get(f'{part}_evaluator', {})
        for text in (loader.to_dict(), evaluator and evaluator.to_dict()):
            assert 'data/toy' not in str(text)


def test_steps_of_a_world(tmp_path):
    draw, trunk, features = world_steps(tmp_path, WORLD)
    assert 'context_share=0.3333333333333333' in draw.command and '1' in map(str, draw.command)
    assert list(draw.outputs) == [trunk.inputs[0]] == [features.inputs[0]]
    options = list(map(str, trunk.command))
    assert 'train_dataloader.dataset.timestamp_end=942' in options
    assert not [option for option in options if option.startswith(('val', 'test'))]
    (tmp_path / 'worlds' / WORLD.name / 'trunk').mkdir(parents=True)
    trunk.outputs[0].write_text('epoch_4.pth')
    assert features.command[-1].read() == 'epoch_4.pth'


def test_without_a_trained_trunk_the_world_is_the_same(tmp_path):
    steps = world_steps(tmp_path, WORLD._replace(has_trained_trunk=False))
    draw, _, features = world_steps(tmp_path, WORLD)
    assert steps[0] == draw
    assert len(steps) == 2 and '--checkpoint' not in steps[1].command
    assert steps[1].outputs != features.outputs and steps[1].stamp != features.stamp


def test_a_path_that_options_would_change_is_refused(tmp_path):
    with pytest.raises(ValueError, match='--work-dir must be without spaces'):
        world_steps(tmp_path / 'my work', WORLD)
