"""The co-finetuning configs are the paper's experiments: they expand, are built and step."""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope

from mmlt.engine.runner.expand_datasets import expand_datasets, read_config
from mmlt.functional import dataset_schedule

FOLDER = Path(__file__).parents[1] / 'configs' / 'cofinetune'
PATHS = sorted(FOLDER.glob('*.py'))
VIVIT = [path for path in PATHS if path.stem.startswith('vivit')]
#: Samples of the training sets: section 4.1.1; of AVA and Something-Something, as other papers and
#: scenic's configs count them, without what is held out.
SIZES = dict(ava=211_000, k400=240_000, k700=530_000, mit=800_000, sthv2=169_000)
NUM_CLASSES = dict(ava=80, k400=400, k700=700, mit=339, sthv2=174)
GPUS = 8

every_experiment = pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
every_vivit = pytest.mark.parametrize('path', VIVIT, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


@functools.cache
def _config(path):
    return Config.fromfile(path)


def _types(pipeline):
    return [step.type for step in pipeline]


def _is_of_boxes(name):
    return name in ('ava', 'ava_kinetics')


def _docstring(path):
    return path.read_text(encoding='utf-8').split('"""')[1]


# ------------------------------------------------------------------------------ what the name says


@every_experiment
def test_sets_and_resolution_are_those_of_the_name(path):
    *sets, size = re.findall('ava_kinetics|[^_]+', path.stem)[2:]  # behind the backbone
    size, cfg = int(size), _config(path)
    assert set(cfg.datasets) == {'ava' if name == 'ava22' else name for name in sets}
    assert cfg.model.data_preprocessor.size == size
    if cfg.model.backbone.type == 'mmlt.ViViT':
        assert cfg.model.backbone.img_size == size
    for entry in cfg.datasets.values():
        steps = {step.type: step for step in entry.train.pipeline}
        assert steps['mmlt.ScaleJitter'].size == size
        for part in ('val', 'test'):
            steps = {step.type: step for step in entry[part].pipeline}
            assert tuple(steps['Resize'].scale) == (size, size)


@every_experiment
def test_no_recipe_is_left_over(path):
    cfg = _config(path)
    assert cfg.recipes is None and cfg.heads is None
    assert set(cfg.model.heads) == set(cfg.datasets)


@every_experiment
def test_heads_have_the_classes_of_their_sets(path):
    cfg = _config(path)
    for name, head in cfg.model.heads.items():
        if _is_of_boxes(name):
            entry = cfg.datasets[name]
            numbers = [entry[part].num_classes for part in ('train', 'val', 'test')]
            numbers += [entry.val_evaluator.num_classes, head.bbox_head.num_classes]
            assert set(numbers) == {NUM_CLASSES['ava'] + 1}  # column 0
        else:
            assert head.num_classes == NUM_CLASSES[name]


# ----------------------------------------------------------------------------- the paper's numbers


@every_vivit
def test_settings_are_the_papers(path):
    """Section 4.1.2 and appendix 0.A.1."""
    cfg = _config(path)
    optimizer, schedule = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', 0.2, 0.9)
    assert (schedule.type, schedule.warmup) == ('mmlt.LinearWarmupCosineAnnealingLR', 2.5)
    assert schedule.convert_to_iter_based and 'end' not in schedule  # the runner's: all of it
    assert cfg.train_cfg.max_epochs == (20 if 'vivit_b_ava22' in path.stem else 15)
    assert {GPUS * entry.batch_size for entry in cfg.datasets.values()} == {128}
    assert cfg.auto_scale_lr.base_batch_size == 128
    assert cfg.model.backbone.drop_path_rate == 0.2
    for name, head in cfg.model.heads.items():
        if _is_of_boxes(name):
            assert (head.box_jitter, head.bbox_head.loss_cls.label_smoothing) == (0.15, 0.1)
        else:
            assert head.label_smooth_eps == 0.1


@every_experiment
def test_clips_are_32_frames_with_stride_2(path):
    for name, entry in _config(path).datasets.items():
        for part in ('train', 'val', 'test'):
            kind = 'SampleAVAFrames' if _is_of_boxes(name) else 'SampleFrames'
            (step,) = [step for step in entry[part].pipeline if step.type == kind]
            assert (step.clip_len, step.frame_interval) == (32, 2)
            assert step.get('num_clips', 1) == 1


@every_experiment
def test_only_training_is_random_and_something_something_is_not_flipped(path):
    for name, entry in _config(path).datasets.items():
        assert ('Flip' in _types(entry.train.pipeline)) == (name != 'sthv2')
        for part in ('val', 'test'):
            assert not {'Flip', 'mmlt.ScaleJitter'} & set(_types(entry[part].pipeline))
            assert entry[part].test_mode


@pytest.mark.parametrize('path', [p for p in PATHS if 'ava' in p.stem], ids=lambda path: path.stem)
def test_boxes_are_the_papers_and_judged_by_their_own_files(path):
    (entry,) = [e for name, e in _config(path).datasets.items() if _is_of_boxes(name)]
    train, test = entry.train, entry.test
    if 'kinetics' in path.stem:
        assert (train.persons, test.person_det_score_thr) == ('ground_truth', 0.2)
    else:
        assert train.person_det_score_thr == test.person_det_score_thr == 0.8
    for part in ('val', 'test'):
        assert entry[part].get('persons', 'detections') == 'detections'
        assert entry[part].proposal_file != train.proposal_file
        for file in ('ann_file', 'exclude_file', 'label_file'):
            assert entry[part][file] == entry[f'{part}_evaluator'][file]
        assert (entry[part].timestamp_start, entry[part].timestamp_end) == (900, 1800)
    assert entry.test_batch_size == 1  # AVARoIHead tests one clip at a time


@every_experiment
def test_updates_of_an_epoch_are_those_of_the_docstring(path):
    """A number for each set, then their sum, of which `dataset_schedule` makes as many steps."""
    sets = sorted(_config(path).datasets)
    printed = re.search(r'epochs of ([^=]*?) = ([\d,]+)\s+updates', _docstring(path))
    if 'kinetics' in path.stem:  # the number of its boxes is not in the paper
        assert printed is None
        return
    sizes = [SIZES[name] for name in sets]
    counts = [math.ceil(size / 128) for size in sizes]
    terms, total = (
        [int(n.replace(',', '')) for n in re.findall(r'[\d,]+', x)] for x in printed.groups()
    )
    assert terms == [sizes[0], 128] if len(sets) == 1 else sorted(terms) == sorted(counts)
    schedule = dataset_schedule(sizes, [128] * len(sets), strategy='weighted', seed=0, epoch=0)
    assert total == [len(schedule)]
    assert np.bincount(schedule).tolist() == counts


def test_stages_of_the_traditional_way_are_joined_by_their_paths():
    """Each stage looks where the one before leaves its last epoch."""
    named = {path.stem: re.findall(r'load_from=(\S+)', _docstring(path)) for path in PATHS}
    folders = {path.stem: path.stem for path in PATHS}
    for path in PATHS:
        for folder in re.findall(r'--work-dir work_dirs/(\w+)', _docstring(path)):
            folders[folder] = path.stem
    sources = [source for found in named.values() for source in found if 'STAGE' not in source]
    sources += [_config(path).load_from for path in PATHS if _config(path).load_from]
    assert len(sources) == 2 + 4
    for source in sources:
        folder, epoch = re.fullmatch(r'work_dirs/(\w+)/epoch_(\d+)\.pth', source).groups()
        stage = FOLDER / f'{folders[folder]}.py'
        assert int(epoch) == _config(stage).train_cfg.max_epochs
    stages = re.findall(r'vivit_b_\w+_224', _docstring(FOLDER / 'vivit_b_ava22_224.py'))
    assert len(stages) == 3 + 1 and set(stages) <= set(folders)


# --------------------------------------------------------------------------------- what they build


@every_experiment
def test_model_at_full_size(path):
    """Its features on the meta device: a place for every 16 pixels."""
    cfg = read_config(str(path), None)[0]
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
        size = cfg.model.data_preprocessor.size
        features = model.backbone(torch.empty(1, 3, 32, size, size))
    if isinstance(features, tuple):  # slow, fast
        assert [each.shape[3:] for each in features] == 2 * [(size // 16, size // 16)]
        return
    width = {'vivit_b': 768, 'vivit_l': 1024}[path.stem[:7]]
    assert features.shape == (1, width, 16, size // 16, size // 16)


def _results(name, num_frames):
    """What the pipeline has after decoding: a clip of random pixels, 48 x 64, with its labels."""
    rng = np.random.default_rng(0)
    imgs = list(rng.integers(0, 256, (num_frames, 48, 64, 3), dtype=np.uint8))
    clip = dict(imgs=imgs, img_shape=(48, 64), modality='RGB', num_clips=1, clip_len=num_frames)
    if not _is_of_boxes(name):
        return dict(clip, label=1)
    boxes = np.array([[8, 8, 24, 40], [30, 4, 60, 44]], np.float32)  # as RawFrameDecode leaves them
    labels = np.zeros((2, 81), np.float32)
    labels[[0, 1, 1], [3, 3, 7]] = 1
    people = dict(gt_bboxes=boxes, gt_labels=labels, proposals=boxes + 1, scores=np.ones(2))
    return dict(clip, **people, img_key='v,0902', video_id='v', timestamp=902)


def _batch(name, dataset, num_frames):
    """Two samples, through what follows the decoding in the pipeline of the expanded config."""
    (decoded,) = [i for i, step in enumerate(dataset.pipeline) if step.type.endswith('Decode')]
    rest = Compose([TRANSFORMS.build(step) for step in dataset.pipeline[decoded + 1 :]])
    return pseudo_collate([rest(_results(name, num_frames)) for _ in range(2)])


def _step_each(cfg, num_frames):
    """A training step on each set moves the backbone and that set's head alone."""
    datasets = cfg.train_dataloader.dataset.datasets
    model = MODELS.build(cfg.model)
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    model.train()
    for name, dataset in datasets.items():
        before = {key: p.detach().clone() for key, p in model.named_parameters()}
        logged = model.train_step(_batch(name, dataset, num_frames), optim_wrapper)
        loss = 'loss_action_cls' if _is_of_boxes(name) else 'loss_cls'
        assert 0 < logged[f'{name}.{loss}'].item() < math.inf
        moved = {key for key, p in model.named_parameters() if not torch.equal(p, before[key])}
        heads = {key.split('.')[1] for key in moved if key.startswith('heads.')}
        assert heads == {name}
        assert any(key.startswith('backbone.') for key in moved)


TINY_VIVIT = {
    'model.backbone.embed_dims': 16,
    'model.backbone.num_layers': (1, 1),
    'model.backbone.num_heads': (2, 2),
    'model.backbone.mlp_dims': (32, 32),
    'model.backbone.img_size': 64,
    'model.backbone.num_frames': 8,
    'model.backbone.init_cfg': None,
}
STEPPED = ['vivit_b_k400_mit_sthv2_ava22_512', 'slowfast_r50_k400_ava22_224']


@pytest.mark.parametrize('name', STEPPED)
def test_a_small_one_steps_on_each_of_its_sets(name):
    """Shrunken by options, as a user would."""
    cfg = _config(FOLDER / f'{name}.py')
    options = {'model.data_preprocessor.size': 64}
    options.update(TINY_VIVIT if name.startswith('vivit') else {'model.init_cfg': None})
    for key, entry in cfg.datasets.items():
        index = _types(entry.train.pipeline).index('mmlt.ScaleJitter')
        jitter = f'datasets.{key}.train.pipeline.{index}'
        options.update({f'{jitter}.size': 64, f'{jitter}.ratio_range': (1.3, 1.33)})  # it crops
        if name.startswith('vivit'):
            head = f'model.heads.{key}.bbox_head' if _is_of_boxes(key) else f'model.heads.{key}'
            options[f'{head}.in_channels'] = 16
    cfg, rest = read_config(str(FOLDER / f'{name}.py'), options)
    assert rest is None, 'all of them come before the expansion'
    torch.manual_seed(0)
    _step_each(cfg, num_frames=8)


def test_all_experiments_have_the_structure_of_one_that_steps():
    """Backbone, heads and transforms by type; the others differ in sizes and in which sets."""

    def structure(path):
        cfg = _config(path)
        heads = {(_is_of_boxes(name), head.type) for name, head in cfg.model.heads.items()}
        steps = {t for entry in cfg.datasets.values() for t in _types(entry.train.pipeline)}
        return {cfg.model.backbone.type, cfg.model.data_preprocessor.type} | heads | steps

    stepped = [structure(FOLDER / f'{name}.py') for name in STEPPED]
    assert [path.stem for path in PATHS if not any(structure(path) <= s for s in stepped)] == []


# ---------------------------------------------------------------------------------- the README


def test_example_of_the_readme_is_complete(tmp_path):
    """A set of clips beside mmaction2's own AVA config: it expands, is built and steps."""
    readme = (FOLDER / 'README.md').read_text(encoding='utf-8')
    path = tmp_path / 'mine.py'
    path.write_text(re.search(r'```python\n(.*?)```', readme, re.DOTALL)[1], encoding='utf-8')
    cfg = Config.fromfile(path)
    cfg.model.init_cfg = None
    expand_datasets(cfg)
    torch.manual_seed(0)
    for dataset in cfg.train_dataloader.dataset.datasets.values():
        steps = [step for step in dataset.pipeline if not step.type.startswith('Random')]
        for step in steps:
            step.update(dict(scale=(64, 64)) if step.type == 'Resize' else {})
        dataset.pipeline = steps
    _step_each(cfg, num_frames=4)


def test_options_of_the_readme_are_taken():
    path = FOLDER / 'vivit_b_k400_mit_ava22_224.py'
    options = {
        'dataset_schedule.strategy': 'alternating',
        'datasets.ava.test.persons': 'ground_truth',
        'datasets.mit.loss_weight': 0.5,
    }
    cfg, rest = read_config(str(path), options)
    assert rest is None
    assert cfg.train_dataloader.sampler.strategy == 'alternating'
    assert cfg.test_dataloader.ava.dataset.persons == 'ground_truth'
    assert cfg.model.loss_weights == dict(ava=1, k400=1, mit=0.5)
