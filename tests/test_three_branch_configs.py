"""The three-branch configs are the report's experiments: settings, switches, the page."""

from __future__ import annotations

import inspect
import itertools
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from three_branch_experiments import (
    AVA,
    FOLDER,
    SWITCHES,
    WHOLE,
    changed,
    config,
    docstring,
    steps_of,
    train_step,
)

from mmlt.evaluation.metrics import AVALongTailMetric
from mmlt.fileio.label_map import read_label_map

LABEL_MAP = Path(__file__).parent / 'data' / 'ava_action_list_v2.2_for_activitynet_2019.pbtxt'
README = (FOLDER / 'README.md').read_text(encoding='utf-8')

every_ava = pytest.mark.parametrize('name', AVA)


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


# ------------------------------------------------------------------------------- the eight


def test_every_combination_has_a_config_and_every_config_is_known():
    assert set(SWITCHES) == set(itertools.product((False, True), repeat=3))
    names = {path.stem for path in FOLDER.glob('*.py')}
    assert names == {*AVA, *(f'slowfast_r101_kinetics{number}' for number in (600, 700))}


@pytest.mark.parametrize('switches', SWITCHES)
def test_the_eight_differ_in_their_switches_alone(switches):
    loss, feature, long_term = switches
    head = 'model.roi_head'
    expected = {f'{head}.global_feature'} if feature else set()
    if loss:
        expected |= {
            f'{head}.global_loss.{key}' for key in ('type', 'gamma', 'loss_weight', 'reduction')
        }
    if long_term:
        branch = ('latent_channels', 'num_blocks', 'block', 'dropout_ratio')
        expected |= {f'{head}.long_term.{key}' for key in branch}
        expected |= {f'{part}_dataloader.dataset.pipeline' for part in ('train', 'val', 'test')}
        expected |= {'tta_pipeline'}
    assert changed(WHOLE + SWITCHES[switches], f'{WHOLE}_phase_one') == expected


@pytest.mark.parametrize('switches', SWITCHES)
def test_switches_say_what_the_docstring_says(switches):
    loss, feature, long_term = switches
    text = ' '.join(docstring(WHOLE + SWITCHES[switches]).partition('Source:')[0].split())
    if all(switches):
        assert 'all three branches' in text
        return
    assert 'RoI branch' in text
    said = [words in text for words in ('global loss', 'global feature', 'long-term')]
    assert said == [loss, feature, long_term]


@pytest.mark.parametrize('suffix', ['', '_phase_one'])
def test_r50_is_the_same_with_another_network(suffix):
    slow, fast = (f'model.backbone.{path}_pathway' for path in ('slow', 'fast'))
    assert changed(f'slowfast_r50_three_branch{suffix}', WHOLE + suffix) == {
        'depth',
        'kinetics_checkpoint',
        'non_local',
        'model.init_cfg.checkpoint',
        f'{slow}.depth',
        f'{slow}.non_local',
        f'{fast}.depth',
    }


# --------------------------------------------------------------------- the report's settings


@every_ava
def test_training_is_the_reports(name):
    """Section 4."""
    cfg = config(name)
    optimizer, schedule = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', 0.016, 0.9)
    assert optimizer.weight_decay == 1e-7
    assert (cfg.train_cfg.type, cfg.train_cfg.max_iters) == ('IterBasedTrainLoop', 26_000)
    assert (schedule.type, schedule.milestones, schedule.gamma) == (
        'MultiStepLR', [16_000, 21_000], 0.1)  # fmt: skip
    assert (schedule.by_epoch, schedule.end) == (False, 26_000)
    assert 8 * cfg.train_dataloader.batch_size == 64 == cfg.auto_scale_lr.base_batch_size
    assert '8 clips each (8 x 8 = 64), 26,000 iterations' in docstring(name)
    head = cfg.model.roi_head.bbox_head
    assert (head.dropout_ratio, head.dropout_before_pool) == (0.5, False)
    assert cfg.model.roi_head.fusion == 'concat'


@every_ava
def test_persons_and_augmentation_are_the_reports(name):
    cfg = config(name)
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    assert train.persons == 'ground_truth'
    assert cfg.model.train_cfg.rcnn.sampler.add_gt_as_proposals is False
    assert (test.person_det_score_thr, test.keep_one_person) == (0.8, False)
    assert cfg.val_dataloader == cfg.test_dataloader
    steps = steps_of(train.pipeline)
    assert steps.keys() >= {'Flip', 'ColorJitter'} and steps['Flip'].flip_ratio == 0.5
    assert not {'Flip', 'ColorJitter'} & steps_of(test.pipeline).keys()
    assert cfg.model.roi_head.box_jitter > 0
    for pipeline in (train.pipeline, test.pipeline):
        steps = steps_of(pipeline)
        assert steps['Resize'].scale == (-1, 256)
        assert not any('Crop' in step for step in steps)
        sample = steps['SampleAVAFrames']
        assert (sample.clip_len, sample.frame_interval, sample.test_mode) == (64, 1, True)


@every_ava
def test_augmented_test_is_the_reports(name):
    cfg = config(name)
    views = steps_of(cfg.tta_pipeline)['TestTimeAug'].transforms
    assert [step.scale for step in views[0]] == [(-1, 244), (-1, 256), (-1, 320)]
    assert [step.flip_ratio for step in views[1]] == [0, 1]
    assert cfg.tta_model.type == 'mmlt.AVATestTimeAug'
    # decoded as in the test without it, and with its window
    before = [step for step in cfg.tta_pipeline if step.type != 'TestTimeAug']
    tested = cfg.test_dataloader.dataset.pipeline
    assert [step for step in before if step not in tested] == []
    assert ('mmlt.LoadFeatureBank' in steps_of(before)) == (
        'mmlt.LoadFeatureBank' in steps_of(tested)
    )


#: Of type PERSON_MOVEMENT in AVA's list of all 80 classes; maps for the evaluation have no types.
POSES = """bend/bow (at the waist), crawl, crouch/kneel, dance, fall down, get up, jump/leap,
    lie/sleep, martial art, run/jog, sit, stand, swim, walk"""


def test_poses_are_those_of_ava():
    """The label map names the 60 evaluated classes; crawl is no such."""
    pose_ids = config(WHOLE).model.roi_head.bbox_head.pose_ids
    names = read_label_map(LABEL_MAP)
    poses = [name.strip() for name in POSES.split(',')]
    assert pose_ids == [1 + i for i in range(len(poses))]
    assert {i: names[i] for i in pose_ids if i in names} == {
        1 + i: name for i, name in enumerate(poses) if name != 'crawl'
    }
    assert not set(poses) & {name for i, name in names.items() if i not in pose_ids}


# ----------------------------------------------------------------------------------- the bank


@every_ava
def test_the_window_is_61_seconds_of_5_persons_where_a_branch_reads_it(name):
    cfg = config(name)
    for part, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        steps = steps_of(cfg[f'{part}_dataloader'].dataset.pipeline)
        read = steps.get('mmlt.LoadFeatureBank')
        assert (read is not None) == ('long_term' in cfg.model.roi_head)
        assert steps['PackActionInputs'].algorithm_keys == (('long_term',) if read else ())
        if read:
            assert (read.window_sec, read.max_persons) == (61, 5)
            assert read.bank_dir == f'work_dirs/feature_bank/{split}'
            assert read.test_mode == (split == 'val')


def test_the_bank_lies_where_the_environment_says(monkeypatch):
    monkeypatch.setenv('FEATURE_BANK', '/data/bank of mine')
    text = str(Config.fromfile(FOLDER / f'{WHOLE}.py').to_dict())
    folders = re.findall(r"'bank_dir': '([^']*)'", text)
    assert set(folders) == {'/data/bank of mine/train', '/data/bank of mine/val'}


# ---------------------------------------------------------------------------------- the README


def test_table_of_the_readme_has_the_switches_of_the_configs():
    rows = re.findall(r'^\| `(slowfast_\w+_three_branch\w*)\.py` \|(.*)\|$', README, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(AVA)
    for name, cells in rows:
        head = config(name).model.roi_head
        switches = 'global_loss' in head, head.global_feature, 'long_term' in head
        assert [cell.strip() == 'on' for cell in cells.split('|')[:3]] == list(switches)


def test_example_of_the_readme_is_complete(tmp_path):
    """Upon mmaction2's own AVA config: built and stepped, its bank where the environment says."""
    path = tmp_path / 'mine.py'
    path.write_text(re.search(r'```python\n(.*?)```', README, re.DOTALL)[1], encoding='utf-8')
    cfg = Config.fromfile(path)
    assert cfg.custom_imports['imports'] == ['mmlt']
    evaluator = cfg.test_evaluator.to_dict()
    assert evaluator.pop('type') == 'mmlt.AVALongTailMetric'
    evaluator.pop('_scope_', None)  # of mmaction2's base; no argument
    inspect.signature(AVALongTailMetric).bind(**evaluator)  # of the base's arguments
    for part, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        steps = steps_of(cfg[f'{part}_dataloader'].dataset.pipeline)
        assert steps['mmlt.LoadFeatureBank'].bank_dir == f'work_dirs/feature_bank/{split}'
        assert steps['PackActionInputs'].algorithm_keys == ('long_term',)
    pipeline = [step for step in cfg.train_dataloader.dataset.pipeline if 'Random' not in step.type]
    assert train_step(cfg, pipeline)['loss_global'] > 0


@pytest.mark.parametrize(
    'options',
    [
        {'fusion': 'sum'},
        {'long_term.num_blocks': 3},
        {'long_term.block': 'transformer', 'long_term.num_heads': 4},
        {'bbox_head.pose_ids': (), 'bbox_head.gamma': 0, 'global_loss.gamma': 0},
    ],
)
def test_options_of_the_readme_are_taken(options):
    for option, value in options.items():
        printed = f"'{value}'" if isinstance(value, str) else f'{value}'
        assert f'`bbox_head.{option}' in README or f'{option}={printed}' in README
    cfg = Config(config(WHOLE).to_dict())
    cfg.merge_from_dict({f'model.roi_head.{key}': value for key, value in options.items()})
    assert train_step(cfg)['loss_global'] > 0


def test_activation_checkpointing_of_the_readme():
    """Less memory, the same losses."""
    losses = []
    for with_cp in (False, True):
        cfg = Config(config(f'{WHOLE}_phase_one').to_dict())
        for path in ('slow', 'fast'):
            option = f'model.backbone.{path}_pathway.with_cp'
            assert f'{option}=True' in README
            cfg.merge_from_dict({option: with_cp, 'model.roi_head.box_jitter': 0})
        losses.append(train_step(cfg)['loss_action_cls'].item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_size_of_the_bank_in_the_readme():
    bytes_a_person = 4 * config(WHOLE).model.roi_head.roi_channels
    assert f'A person takes {bytes_a_person:,} bytes' in README
    videos, seconds = map(int, re.search(r'AVA has (\d+) videos of (\d+) seconds', README).groups())
    assert (videos, seconds) == (235 + 64, 1798 - 902 + 1)
    assert f'that is {2 * videos * seconds * bytes_a_person / 1e9:.1f} GB' in README
