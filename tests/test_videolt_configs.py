"""The VideoLT configs are the paper's experiments, in numbers and in what they change."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmlt.experiments.videolt_bench import (
    HEADS,
    METHODS,
    Data,
    config_of,
    data_environment,
    toy_environment,
    toy_options,
)

CONFIGS = Path(__file__).parents[1] / 'configs'
FOLDER = CONFIGS / 'videolt'
NAMES = sorted(path.name for path in FOLDER.glob('*.py'))
BALANCED = {f'train_dataloader.sampler.{key}' for key in ('type', 'mode', 'shuffle')}
SUMMED = {'model.mask_undrawn', 'model.head.loss_cls.reduction'}
LOSS = 'model.head.loss_cls'
BLENDING = 'model.data_preprocessor.blending'
FRAMESTACK = {f'{BLENDING}.{key}' for key in ('type', 'num_classes', 'clip_len', 'ratio')}
#: Method -> the keys in which its config differs from the baseline's.
CHANGES = {
    'cbs': BALANCED | SUMMED,
    'srs': BALANCED | SUMMED,
    'cb_loss': {f'{LOSS}.type', f'{LOSS}.class_counts'},
    'ldam_drw': {f'{LOSS}.type', f'{LOSS}.class_counts', 'custom_hooks'},
    'eql': {f'{LOSS}.{key}' for key in ('type', 'class_counts', 'tail_max', 'drop_prob')},
    'eql_reference': {f'{LOSS}.{key}' for key in ('type', 'class_counts', 'tail_max', 'drop_prob')},
    'mixup': {f'{BLENDING}.type', f'{BLENDING}.num_classes'},
    'focal': {f'{LOSS}.type', f'{LOSS}.gamma'},
    'framestack_bce': FRAMESTACK | {'custom_hooks'},
    'framestack_fl': FRAMESTACK | {'custom_hooks', f'{LOSS}.type', f'{LOSS}.gamma'},
    # custom_hooks: empty where FrameStack-FL, their base, has the running AP
    'framestack_constant': FRAMESTACK
    | {'custom_hooks', f'{LOSS}.type', f'{LOSS}.gamma', f'{BLENDING}.beta'},
    'framestack_frequency': FRAMESTACK
    | {
        'custom_hooks',
        f'{LOSS}.type',
        f'{LOSS}.gamma',
        f'{BLENDING}.beta',
        f'{BLENDING}.class_counts',
    },
    'distribution_balanced': {f'{LOSS}.type', f'{LOSS}.class_counts'},
    'asymmetric': {f'{LOSS}.type'},
    'ema': {'custom_hooks'},
    'lmr': BALANCED
    | {f'model.feature_mixing.{key}' for key in ('type', 'class_counts', 'few_shot_max')},
}


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def _flatten(value, prefix=''):
    if isinstance(value, dict):
        items = [_flatten(v, f'{prefix}.{k}' if prefix else k) for k, v in value.items()]
        return {key: leaf for item in items for key, leaf in item.items()}
    return {prefix: value}


def _changed(cfg, base):
    flat, base = _flatten(cfg.to_dict()), _flatten(base.to_dict())
    return {key for key in flat.keys() | base.keys() if flat.get(key) != base.get(key)}


def _config(method):
    return Config.fromfile(FOLDER / config_of(method))


def _turned(method, environment, monkeypatch):
    """A config as it is where the variables are set."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return _config(method)


@pytest.mark.parametrize('name', NAMES)
def test_every_config_has_the_numbers_of_the_paper(name):
    """Section 5.1."""
    cfg = Config.fromfile(FOLDER / name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, cfg.train_cfg.max_epochs) == ('Adam', 1e-4, 100)
    assert cfg.train_dataloader.batch_size == 128
    frames = [cfg[f'{split}_dataloader'].dataset.pipeline[0] for split in ('train', 'val', 'test')]
    assert [(step.num_frames, step.mode) for step in frames] == [
        (60, 'random'),
        (150, 'even'),
        (150, 'even'),
    ]
    assert (cfg.model.head.in_channels, cfg.model.head.num_classes) == (2048, 1004)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert (evaluator.head_min, evaluator.tail_max) == (500, 100)


@pytest.mark.parametrize('name', NAMES)
def test_where_the_paper_says_less_or_otherwise_the_numbers_are_those_of_the_code(name):
    """The paper decreases the rate every 30 epochs, by what it does not say, and clips nothing."""
    cfg = Config.fromfile(FOLDER / name)
    assert (cfg.param_scheduler.milestones, cfg.param_scheduler.gamma) == ([30, 60], 0.1)
    assert cfg.optim_wrapper.clip_grad.max_norm == 20
    blending = cfg.model.data_preprocessor.get('blending', {})
    if blending.get('type') == 'mmlt.FrameStackBlending':
        blending = MODELS.build({**blending, 'beta': 'constant', 'class_counts': None})
        assert blending.warmup_epochs == 1  # the paper mixes half and half where every AP is 0


@pytest.mark.parametrize('name', NAMES)
def test_no_checkpoint_is_chosen_on_the_test_list(name):
    cfg = Config.fromfile(FOLDER / name)
    lists = [cfg[f'{split}_dataloader'].dataset.ann_file for split in ('train', 'val', 'test')]
    assert [Path(file).name for file in lists] == ['train.lst', 'val.lst', 'test.lst']
    assert cfg.default_hooks.checkpoint.save_best == 'longtail/mAP'  # measured on val


def test_every_method_has_its_config_and_every_config_its_method():
    named = {config_of(method) for method in METHODS} | {'netvlad_videolt.py'}
    assert named == set(NAMES)
    assert set(CHANGES) | {'baseline'} == set(METHODS)


@pytest.mark.parametrize('method', CHANGES)
def test_a_method_differs_from_the_baseline_in_itself_alone(method):
    assert _changed(_config(method), _config('baseline')) == CHANGES[method]


def test_values_of_the_methods():
    assert _config('eql_reference').model.head.loss_cls.drop_prob == 1.76e-3
    assert _config('eql').model.head.loss_cls.drop_prob == 0.9
    assert _config('cbs').train_dataloader.sampler.mode == 'uniform'
    assert _config('srs').train_dataloader.sampler.mode == 'sqrt'
    assert _config('cbs').model.head.loss_cls.reduction == 'batchmean'  # a sum over the classes
    assert _config('ldam_drw').custom_hooks[0].begin == 50
    blending = _config('framestack_fl').model.data_preprocessor.blending
    assert (blending.clip_len, blending.ratio) == (60, 0.5)
    assert _config('framestack_fl').model.head.loss_cls.gamma == 1


def test_netvlad_is_one_key_away():
    cfg = Config.fromfile(FOLDER / 'netvlad_videolt.py')
    assert _changed(cfg, _config('baseline')) == {'model.head.type'}
    assert cfg.model.head.type == HEADS['netvlad']
    head = MODELS.build({**cfg.model.head, 'in_channels': 8})  # smaller, for speed
    assert (head.fc_hidden.out_features, head.vlad.clusters.shape[0]) == (1024, 64)


def test_the_toy_config_is_the_baseline_turned_to_the_toy(monkeypatch):
    """So the toy table, which turns every method so, trains what the toy config trains."""
    toy = Config.fromfile(CONFIGS / 'toy' / 'nonlinear_toy_features.py')
    root = Path('data/toy/features')
    data = Data(root, root / 'features', num_classes=40, feature_dim=64)
    counts = Path('data/toy/features_train_counts.json')
    turned = _turned('baseline', toy_environment(data, counts), monkeypatch)
    turned.merge_from_dict(toy_options(data))
    evaluator = toy.test_evaluator
    evaluator.class_counts = str(Path(evaluator.class_counts).resolve())
    sections = ('model', 'train_dataloader', 'test_dataloader', 'test_evaluator', 'optim_wrapper')
    for section in (*sections, 'param_scheduler'):
        assert turned[section] == toy[section], section
    assert turned.train_cfg.max_epochs == toy.train_cfg.max_epochs


@pytest.mark.parametrize('method', METHODS)
def test_turned_to_other_data_nothing_of_videolt_is_left(method, monkeypatch):
    data = Data(Path('some/where'), Path('else/where'), num_classes=7, feature_dim=5)
    limits = {'head_min': 4, 'tail_max': 2}
    cfg = _turned(method, data_environment(data, 'c.json', **limits, max_epochs=10), monkeypatch)
    leaves = str(cfg.to_dict())
    for left in ('data/videolt', '1004', '2048', '500', '100,', '100}'):
        assert left not in leaves
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert dataset.ann_file == f'some/where/{split}.lst'
        assert dataset.data_prefix.feature == str(Path('else/where').resolve())
    assert cfg.param_scheduler.milestones == [3, 6]
    assert cfg.param_scheduler.end == cfg.train_cfg.max_epochs == 10
    assert cfg.train_cfg.val_interval == 1  # half an epoch is none


def test_what_is_named_by_its_classes_goes_with_them(monkeypatch):
    data = Data(Path('some/where'), Path('else/where'), num_classes=7, feature_dim=5)
    env = data_environment(data, 'c.json', tail_max=2, head_min=4, max_epochs=10)
    assert _turned('cbs', env, monkeypatch).model.head.num_classes == 7
    assert _turned('eql', env, monkeypatch).model.head.loss_cls.tail_max == 2
    assert _turned('lmr', env, monkeypatch).model.feature_mixing.few_shot_max == 2
    hooks = _turned('ldam_drw', env, monkeypatch).custom_hooks
    assert [hook.begin for hook in hooks if 'begin' in hook] == [5]


def test_the_toys_moving_average_is_faster(monkeypatch):
    data = Data(Path('some/where'), Path('else/where'), num_classes=7, feature_dim=5)
    for environment, momentum in (({}, 0.001), (toy_environment(data, 'c.json'), 0.01)):
        cfg = _turned('ema', environment, monkeypatch)
        assert [hook.momentum for hook in cfg.custom_hooks if 'momentum' in hook] == [momentum]
