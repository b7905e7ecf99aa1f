"""Every file under configs/ parses, builds what it names, and keeps the house rules."""

from __future__ import annotations

import copy
import functools
import inspect
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import (
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    PARAM_SCHEDULERS,
    DefaultScope,
)
from yapf.yapflib.yapf_api import FormatCode

from mmlt.engine.runner.expand_datasets import expand_datasets

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / 'configs'
FILES = sorted(CONFIGS.rglob('*.py'))
EXPERIMENTS = [path for path in FILES if '_base_' not in path.relative_to(CONFIGS).parts]
FAMILIES = sorted({path.parent for path in EXPERIMENTS})
PARTS = ('train', 'val', 'test')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
EVALUATORS = ('val_evaluator', 'test_evaluator')
MAX_LINES = 60


def _id(path):
    return path.relative_to(CONFIGS).as_posix()


@functools.cache
def _parsed(path):
    return Config.fromfile(path)


def _config(path):
    """As the file has it, to be changed by a test."""
    return copy.deepcopy(_parsed(path))


every_file = pytest.mark.parametrize('path', FILES, ids=_id)
every_experiment = pytest.mark.parametrize('path', EXPERIMENTS, ids=_id)


@pytest.fixture(autouse=True)
def _mmaction_scope():
    """The scope in which mmengine's runner builds a config."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def _as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _class_of(registry, cfg):
    with registry.switch_scope_and_registry(cfg.get('_scope_')) as active:
        return active.get(cfg['type'])


def _check_arguments(registry, cfg):
    """The class that a dictionary names takes the arguments that the dictionary holds.

    For classes that cannot be built here, because they read data files when they are built.
    """
    given = set(cfg) - {'type', '_scope_'}
    for cls in _class_of(registry, cfg).__mro__:
        parameters = inspect.signature(cls.__init__).parameters
        given -= set(parameters)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break  # else **kwargs hands the rest to the next class
    assert not given, f'{cfg["type"]} takes no argument {sorted(given)}'


# ------------------------------------------------------------------------------- the house rules


def _keys_in_several_bases(path):
    """mmengine's own search for the bases; its parser refuses such keys, naming no file."""
    names = Config._get_base_files(str(path))
    bases = [Config._get_cfg_path(name, str(path))[0] for name in names]
    keys = Counter(key for base in bases for key in Config.fromfile(base))
    return {key for key, times in keys.items() if times > 1}


@every_file
def test_parses(path):
    assert len(_config(path)) > 0


@every_experiment
def test_what_a_training_writes_down_is_formatted_and_reads_back(path, tmp_path, monkeypatch):
    """By yapf, which no other test calls: a config that it refuses stops a training at once.

    Of experiments: nobody trains a base, and formatting all recipes takes seconds.
    """
    monkeypatch.setattr('mmengine.config.config.FormatCode', FormatCode)
    _parsed(path).dump(tmp_path / 'config.py')
    assert Config.fromfile(tmp_path / 'config.py').to_dict() == _parsed(path).to_dict()


@every_file
def test_bases_have_disjoint_keys(path):
    assert _keys_in_several_bases(path) == set()


def test_the_check_of_bases_finds_a_shared_key(tmp_path):
    (tmp_path / 'one.py').write_text('shared = 1\nown = 2\n', encoding='utf-8')
    (tmp_path / 'two.py').write_text('shared = 3\n', encoding='utf-8')
    (tmp_path / 'both.py').write_text("_base_ = ['one.py', 'two.py']\n", encoding='utf-8')
    assert _keys_in_several_bases(tmp_path / 'both.py') == {'shared'}


def test_basenames_are_unique_and_underscore_only():
    names = Counter(path.name for path in FILES)
    assert [name for name, times in names.items() if times > 1] == []
    assert [name for name in names if not re.fullmatch(r'[a-z0-9_]+\.py', name)] == []


@every_experiment
def test_experiment_is_a_short_sheet(path):
    text = path.read_text(encoding='utf-8')
    assert len(text.splitlines()) <= MAX_LINES
    docstring = re.match(r'"""(.*?)"""', text, re.DOTALL).group(1)
    assert re.search(r'^Source: \S', docstring, re.MULTILINE)
    assert re.search(r'^Expected', docstring, re.MULTILINE)
    command = re.search(r'^Command: (tools/\S+) (\S+)', docstring, re.MULTILINE)
    assert (ROOT / command.group(1)).is_file()
    assert ROOT / command.group(2) == path


@pytest.mark.parametrize('family', FAMILIES, ids=_id)
def test_metafile_and_readme_name_every_experiment(family):
    experiments = {path for path in EXPERIMENTS if path.parent == family}
    metafile = yaml.safe_load((family / 'metafile.yml').read_text(encoding='utf-8'))
    assert {ROOT / model['Config'] for model in metafile['Models']} == experiments
    collections = {collection['Name'] for collection in metafile['Collections']}
    for model in metafile['Models']:
        assert model['Name'] == Path(model['Config']).stem
        assert model['In Collection'] in collections
    readme = (family / 'README.md').read_text(encoding='utf-8')
    assert [path.name for path in experiments if path.name not in readme] == []


# ------------------------------------------------------------------------------ what they build


def _datasets_and_metrics(cfg, part):
    """The data sets of 'train', 'val' or 'test' and their metrics, of one loader or of several."""
    if 'datasets' not in cfg:
        return [cfg[f'{part}_dataloader'].dataset], _as_list(cfg.get(f'{part}_evaluator') or [])
    entries = [entry for entry in cfg.datasets.values() if entry.get(part)]
    metrics = [_as_list(entry.get(f'{part}_evaluator') or []) for entry in entries]
    return [entry[part] for entry in entries], [metric for each in metrics for metric in each]


def _with_split(model_cfg, folder):
    """The model's configuration with a split file that exists: all classes but one in the head."""
    head = model_cfg.roi_head.bbox_head if 'roi_head' in model_cfg else model_cfg
    if head.get('split_file'):
        ids = list(head.get('class_ids') or range(1, head.num_classes))
        head.split_file = str(folder / 'split.json')
        split = json.dumps(dict(head=ids[:-1], tail=ids[-1:]))
        Path(head.split_file).write_text(split, encoding='utf-8')
    return model_cfg


def _with_counts(cfg, num_classes, folder):
    """The configuration with training counts that exist, wherever it names a file of them."""
    counts = folder / 'counts.json'
    classes = [dict(id=i, name=str(i), count=i + 1) for i in range(num_classes)]
    counts.write_text(json.dumps(dict(classes=classes)), encoding='utf-8')
    sections = [cfg]
    while sections:
        section = sections.pop()
        sections += [value for value in section.values() if isinstance(value, dict)]
        if str(section.get('class_counts')).endswith('.json'):
            section['class_counts'] = str(counts)
    return cfg


@every_experiment
def test_model_optimizer_and_schedulers_are_built(path, tmp_path):
    cfg = _config(path)
    model_cfg = _with_split(cfg.model, tmp_path)
    if cfg.model.type == 'mmlt.FeatureRecognizer':
        _with_counts(model_cfg, cfg.num_classes, tmp_path)
    is_large = {'heads', 'roi_head'} & set(model_cfg)  # up to hundreds of millions
    device = 'meta' if is_large else 'cpu'
    with torch.device(device):
        model = MODELS.build(model_cfg)  # without init_weights: nothing is downloaded
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    optimized = sum(len(group['params']) for group in optim_wrapper.param_groups)
    assert 0 < optimized <= len(list(model.parameters()))
    for scheduler in _as_list(cfg.get('param_scheduler') or []):
        options = dict(optimizer=optim_wrapper, epoch_length=10)
        if 'end' not in scheduler and 'total_steps' not in scheduler:  # as the runner does
            options['end'] = cfg.train_cfg.max_epochs
        built = PARAM_SCHEDULERS.build(dict(scheduler), default_args=options)
        assert built.begin < built.end


@every_experiment
@pytest.mark.parametrize('part', PARTS)
def test_datasets_and_their_pipelines(path, part):
    datasets, _ = _datasets_and_metrics(_config(path), part)
    assert datasets
    for dataset in datasets:
        steps = dataset.get('pipeline', [])  # features have none
        assert len(Compose(steps).transforms) == len(steps)
        _check_arguments(DATASETS, dataset)


@every_experiment
def test_evaluators_take_their_arguments(path):
    for part in PARTS[1:]:
        _, metrics = _datasets_and_metrics(_config(path), part)
        assert metrics
        for metric in metrics:
            _check_arguments(METRICS, metric)


def test_the_check_of_arguments_finds_a_wrong_one():
    with pytest.raises(AssertionError, match=r"AVADataset takes no argument \['ann_fiel'\]"):
        _check_arguments(DATASETS, dict(type='AVADataset', ann_file='a.csv', ann_fiel='a.csv'))


@every_experiment
def test_hooks_are_built_and_resume_is_among_them(path):
    cfg = _config(path)
    all_hooks = [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]
    hooks = [HOOKS.build(hook) for hook in all_hooks]
    assert [type(hook).__name__ for hook in hooks].count('ResumeStateHook') == 1
    assert cfg.default_hooks.resume_state.type == 'mmlt.ResumeStateHook'
    assert cfg.custom_imports['imports'] == ['mmlt']  # for mmaction2's own tools/train.py
    assert cfg.randomness['seed'] is not None


@every_experiment
def test_loops_exist(path):
    cfg = _config(path)
    for name, default in (('val_cfg', 'ValLoop'), ('test_cfg', 'TestLoop')):
        assert _class_of(LOOPS, {'type': default, **(cfg.get(name) or {})}) is not None
    assert cfg.train_cfg.get('by_epoch') is not None or _class_of(LOOPS, cfg.train_cfg) is not None


# ------------------------------------------------------------- what AVA configs must agree about

AVA_EXPERIMENTS = [
    path for path in EXPERIMENTS if 'AVADataset' in str(_config(path).train_dataloader)
]


@pytest.mark.parametrize('path', AVA_EXPERIMENTS, ids=_id)
def test_ava_parts_agree(path):
    """mmaction2's defaults (81 classes, seconds 900 to 1800) would pass over a mistake."""
    cfg = _config(path)
    num_classes = cfg.model.roi_head.bbox_head.num_classes
    for loader in LOADERS:
        dataset = cfg[loader].dataset
        assert dataset.num_classes == num_classes
        if 'video_table' not in dataset:  # which says what there is of each video
            assert dataset.timestamp_start < dataset.timestamp_end
    for loader in LOADERS[1:]:
        assert cfg[loader].batch_size == 1  # AVARoIHead tests one clip at a time
    for loader, evaluator in zip(LOADERS[1:], EVALUATORS):
        metric = cfg[evaluator]
        assert metric.type == 'mmlt.AVALongTailMetric'
        assert metric.get('num_classes', num_classes) == num_classes
        for file in ('ann_file', 'label_file', 'exclude_file'):
            assert metric.get(file) == cfg[loader].dataset.get(file)
        assert metric.ann_file and metric.label_file


@pytest.mark.parametrize('version', ['ava21', 'ava22'])
def test_in_the_wild_names_the_files_of_its_version(version):
    """No file of the other release is left over from the config inherited from."""
    other = {'ava21': 'v2.2', 'ava22': 'v2.1'}[version]
    paths = sorted((CONFIGS / 'in_the_wild').glob(f'*_{version}*.py'))
    assert len(paths) >= 2
    for path in paths:
        cfg = _config(path)
        used = [cfg[name] for name in (*LOADERS, *EVALUATORS)]
        named = re.findall(r'data/ava/annotations/[\w.]+', str(used))
        num_videos = len([name for name in LOADERS if 'AVADataset' in cfg[name].dataset.type])
        assert len(named) == num_videos * 4 + 2 * 3
        assert [name for name in named if other in name] == []


def test_every_in_the_wild_config_names_its_version():
    names = [path.stem for path in (CONFIGS / 'in_the_wild').glob('*.py')]
    assert [name for name in names if not re.search('_ava2[12](_|$)', name)] == []


# -------------------------------------------------- what co-finetuning configs must agree about

COFINETUNING = [path for path in EXPERIMENTS if 'datasets' in _config(path)]


@pytest.mark.parametrize('path', COFINETUNING, ids=_id)
def test_cofinetuning_config_expands_into_standard_keys(path):
    cfg = _config(path)
    names = list(cfg.datasets)
    expand_datasets(cfg)
    trained = cfg.train_dataloader
    assert list(trained.dataset.datasets) == list(trained.sampler.batch_sizes) == names
    assert set(cfg.model.dataset_heads.values()) == set(cfg.model.heads)
    for part in PARTS[1:]:
        assert set(cfg[f'{part}_dataloader']) == set(cfg[f'{part}_evaluator'])
        assert _class_of(LOOPS, cfg[f'{part}_cfg']) is not None


@pytest.mark.parametrize('path', COFINETUNING, ids=_id)
def test_cofinetuned_boxes_and_their_head_agree(path):
    cfg = _config(path)
    for name, entry in cfg.datasets.items():
        bbox_head = cfg.model.heads[entry.get('head', name)].get('bbox_head')
        if bbox_head is None:
            continue
        for part in PARTS:
            if entry.get(part):
                assert entry[part].num_classes == bbox_head.num_classes
                assert entry[part].timestamp_start < entry[part].timestamp_end
        for part in PARTS[1:]:
            assert entry.get('test_batch_size', 1) == 1  # AVARoIHead tests one clip at a time
            for file in ('ann_file', 'label_file', 'exclude_file'):
                assert entry[f'{part}_evaluator'].get(file) == entry[part].get(file)
