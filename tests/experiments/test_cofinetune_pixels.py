import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmlt.experiments import cofinetune_pixels
from mmlt.experiments.cofinetune_pixels import (
    ROWS,
    best_checkpoint,
    pixel_steps,
    pixel_table,
    read_pixel_results,
)
from mmlt.experiments.commands import ROOT, read_word

CONFIGS = {
    name: Config.fromfile(ROOT / 'configs' / 'toy' / f'{row.config}.py')
    for name, row in ROWS.items()
}
#: Group of each class id; 10 to 12 are poses of the tail, 25 is an object.
GROUP_OF = {1: 'head', 7: 'medium', 10: 'tail', 11: 'tail', 12: 'tail', 25: 'tail'}
SHARED_IDS = [1, 10, 12]


def _updates(name):
    return CONFIGS[name].train_cfg.max_iters


def _options(step):
    return [str(word) for word in step.command if '=' in str(word)]


# ------------------------------------------------------------------------------------- the rows


@pytest.mark.parametrize('name', ROWS)
def test_a_row_trains_on_the_datasets_of_its_config(name):
    config = CONFIGS[name]
    assert tuple(config.datasets) == ROWS[name].datasets
    assert set(config.model.heads) == set(config.datasets)


@pytest.mark.parametrize('name', ROWS)
def test_a_row_has_as_many_updates_as_all_others(name):
    """Of two stages both together, each as many as its data set has when co-finetuned."""
    co_finetuned = _updates('a_with_ava')
    if name in ('pretraining_on_a', 'a_then_ava'):
        assert _updates('pretraining_on_a') + _updates('a_then_ava') == co_finetuned
        steps = 164 if name == 'a_then_ava' else 150  # of a pass, see the schedule
        assert _updates(name) == co_finetuned * steps / (164 + 150)
    else:
        assert _updates(name) == co_finetuned


@pytest.mark.parametrize('name', ROWS)
def test_rows_share_what_they_are_not_compared_in(name):
    config, common = CONFIGS[name], CONFIGS['a_with_ava']
    optimizer, other = config.optim_wrapper.optimizer, common.optim_wrapper.optimizer
    assert {**optimizer, 'lr': None} == {**other, 'lr': None}
    assert optimizer.weight_decay == 1e-4
    assert config.param_scheduler.type == common.param_scheduler.type
    assert config.param_scheduler.total_steps == _updates(name)
    if name != 'vivit':
        assert optimizer.lr == other.lr
        assert config.model.backbone == common.model.backbone
        assert config.model.per_dataset_batch_norm == (name != 'plain_bn')
    for dataset in config.datasets:
        in_three = CONFIGS['ab_with_ava'].datasets[dataset]
        assert config.datasets[dataset] == in_three
    # val is looked at twice, after five sixths and at the end
    assert config.train_cfg.val_begin == pytest.approx(5 / 6 * _updates(name), abs=1)
    assert config.train_cfg.val_interval == config.train_cfg.val_begin  # the last is always judged
    best = config.default_hooks.checkpoint.save_best
    assert best == ('ava/mSAP' if 'ava' in config.datasets else 'actors/top1')


def test_weighted_and_alternating_differ_in_the_schedule_alone():
    weighted, alternating = (
        CONFIGS[name].to_dict() for name in ('ab_with_ava', 'ab_with_ava_alternating')
    )
    assert weighted.pop('dataset_schedule') == {'strategy': 'weighted'}
    assert alternating.pop('dataset_schedule') == {'strategy': 'alternating'}
    assert weighted == alternating


# ------------------------------------------------------------------------------------ the steps


def test_each_row_is_trained_then_tested_from_its_best_checkpoint(tmp_path):
    steps = pixel_steps(tmp_path, [0, 1])
    told = [f'seed {seed}: {n}' for seed in (0, 1) for row in ROWS for n in (row, f'{row}_test')]
    assert [step.name for step in steps] == told
    of_seed = {step.name: step for step in steps}
    train, test = of_seed['seed 1: a_with_ava'], of_seed['seed 1: a_with_ava_test']
    assert ROOT / 'tools' / 'train.py' in train.command
    assert train.command[train.command.index('--seed') + 1] == 1
    assert '--no-validate' not in train.command
    assert _options(train) == ['datasets.ava.batch_size=16', 'datasets.actors.batch_size=16']
    assert Path('data/toy/actor_clips/world.json') in train.inputs
    folder = tmp_path / 'seed1' / 'a_with_ava'
    folder.mkdir(parents=True)
    (folder / 'best_ava_mSAP_iter_942.pth').touch()
    words = [read_word(word) for word in test.command]
    assert str(folder / 'best_ava_mSAP_iter_942.pth') in words
    assert f'test_evaluator.ava.out_dir={folder}_test/ava' in words
    assert test.outputs == [tmp_path / 'seed1' / 'a_with_ava_test' / 'ava' / 'metrics.json']


def test_finetuning_starts_from_the_pretraining_of_its_seed(tmp_path):
    steps = {step.name: step for step in pixel_steps(tmp_path, [3], rows=['a_then_ava'])}
    assert list(steps)[::2] == ['seed 3: pretraining_on_a', 'seed 3: a_then_ava']
    trunk = tmp_path / 'seed3' / 'pretraining_on_a'
    trunk.mkdir(parents=True)
    (trunk / 'best_actors_top1_iter_375.pth').touch()
    words = [read_word(word) for word in steps['seed 3: a_then_ava'].command]
    assert f'custom_hooks.0.checkpoint={trunk / "best_actors_top1_iter_375.pth"}' in words
    (hook,) = CONFIGS['a_then_ava'].custom_hooks
    assert (hook.type, hook.remade) == ('mmlt.LoadTrunkHook', 'heads')


def test_options_go_to_every_training(tmp_path):
    steps = pixel_steps(tmp_path, [0], rows=['ava', 'vivit'], options=['max_lr=1'])
    trainings = [step for step in steps if not step.name.endswith('_test')]
    assert [_options(step)[-1] for step in trainings] == ['max_lr=1'] * 2


@pytest.mark.parametrize('names', [[], ['best_a.pth', 'best_b.pth']])
def test_no_best_checkpoint_or_two(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=f'{len(names)} files best_'):
        read_word(best_checkpoint(tmp_path))


# ---------------------------------------------------------------------------------- the results


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(cofinetune_pixels, 'WORLD', tmp_path / 'toy')
    (tmp_path / 'toy' / 'actor_clips').mkdir(parents=True)
    facts = json.dumps({'facts': {'ava_ids': SHARED_IDS}})
    (tmp_path / 'toy' / 'actor_clips' / 'world.json').write_text(facts)


def _write_run(folder, sap, logged):
    """A test whose class i has SAP ``sap[i]``, and what mmengine logs of it."""
    summary = {'frame_mAP': 0.25, 'mSAP': 0.5}
    metrics = {
        'format_version': 1,
        **summary,
        'groups': {group: summary for group in ('head', 'medium', 'tail')},
        'per_class': {
            str(i): {'id': i, 'group': GROUP_OF[i], 'SAP': value} for i, value in sap.items()
        },
    }
    (folder / 'ava').mkdir(parents=True)
    (folder / 'ava' / 'metrics.json').write_text(json.dumps(metrics))
    log = folder / 'log' / '20261127_200000'
    log.mkdir(parents=True)
    (log / '20261127_200000.json').write_text(json.dumps(logged))


def test_results_are_read_seed_by_seed(tmp_path, world):
    sap = {1: 0.9, 7: 0.8, 10: 0.7, 11: 0.4, 12: 0.5, 25: 0.1}
    for seed, top1 in ((0, 0.75), (1, 0.5)):
        folder = tmp_path / f'seed{seed}' / 'a_with_ava_test'
        _write_run(folder, sap, {'ava/mSAP': 0.5, 'actors/top1': top1})
    found = read_pixel_results(tmp_path, [0, 1], ['a_with_ava'])['a_with_ava']
    assert found['top1 A'] == [0.75, 0.5]
    assert found['SAP tail'] == [0.5, 0.5]
    assert found['AP all'] == [0.25, 0.25]
    # classes 10 and 12 are shared, 11 is not, 25 is no pose
    np.testing.assert_allclose(found['SAP tail poses shared'], 0.6)
    np.testing.assert_allclose(found['SAP tail poses not shared'], 0.4)
    assert 'top1 B' not in found


def test_a_table_leaves_empty_what_a_row_has_not():
    results = {
        'clips_a': {'top1 A': [0.5, 0.7]},
        'ava': {f'{m} {g}': [0.25, 0.35] for m in ('SAP', 'AP') for g in ('all', 'tail')},
    }
    head, _, clips, ava = pixel_table(results).splitlines()
    assert head.startswith('| trained on | SAP all | SAP head | SAP medium | SAP tail |')
    assert clips.startswith('| A from scratch |  |  |  |')
    assert clips.endswith('| 60.0 ± 10.0 |  |')  # the error of two values is half their distance
    assert ava.count('30.0 ± 5.0') == 4
