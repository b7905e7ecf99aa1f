"""CheckDataHook in a training: what stops it, what it says, and that all ranks hear of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from planted_mistakes import TRAPS
from small_own_data import write_small_set

from mmlt.datasets import ava_dataset
from mmlt.engine.hooks import CheckDataHook
from mmlt.engine.hooks import check_data_hook as module
from mmlt.fileio.dataset_checks import whole

SHARED = 'train and val share a video'


@MODELS.register_module(force=True)
class OneWeight(BaseModel):
    """Learns nothing, at once."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples=None, mode='loss'):
        return {'loss': self.weight.sum()} if mode == 'loss' else []


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    """Type of dataset -> a folder of the good set."""
    return {
        kind: write_small_set(tmp_path_factory.mktemp('good'), dataset=kind)
        for kind in ('mmlt.AVADataset', 'AVADataset')
    }


@pytest.fixture
def said(monkeypatch):
    """What the hook and mmlt's dataset log."""
    lines = []
    for each in (module, ava_dataset):
        monkeypatch.setattr(each, 'print_log', lambda text, *_: lines.append(text))
    return lines


def _train(root, *, changes=None, **hook):
    cfg = Config.fromfile(root / 'config.py')
    cfg.merge_from_dict(changes or {})
    runner = Runner(
        model=dict(type='OneWeight'),
        work_dir=str(root / 'work'),
        train_dataloader=cfg.train_dataloader,
        train_cfg=dict(by_epoch=True, max_epochs=1, val_begin=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        val_dataloader=cfg.val_dataloader,
        val_cfg=dict(),
        val_evaluator=dict(type='DumpResults', out_file_path=str(root / 'results.pkl')),
        custom_hooks=[dict(type='mmlt.CheckDataHook', **hook)],
        default_scope='mmaction',
        log_level='WARNING',
        experiment_name=f'check_{root.parent.name}',
        cfg=cfg,
    )
    runner.train()
    return runner


def _planted(good, name, root, kind='mmlt.AVADataset'):
    shutil.copytree(good[kind], root)
    TRAPS[name].plant(root)
    return root


@pytest.mark.parametrize('kind', ['mmlt.AVADataset', 'AVADataset'])
def test_training_stops_before_the_first_iteration(kind, good, tmp_path):
    root = _planted(good, SHARED, tmp_path / 'set', kind)
    with pytest.raises(ValueError) as error:
        _train(root)
    lines = str(error.value).splitlines()
    assert [line.partition(': ')[0] for line in lines] == [f'{root}/annotations/val.csv'] * 2
    assert f'videos that train ({root}/annotations/train.csv) has too' in lines[1]
    assert "(line 17: 'walk_b')" in lines[1]
    assert 'Mend: put all keyframes of a video into one split' in lines[1]


@pytest.mark.parametrize('kind', ['mmlt.AVADataset', 'AVADataset'])
def test_training_of_a_good_set_goes_on(kind, good, tmp_path, said):
    root = shutil.copytree(good[kind], tmp_path / 'set')
    assert _train(root).iter == 15  # 16 keyframes but the excluded one
    assert [line for line in said if str(root) in line] == []


def test_told_to_warn_it_goes_on(good, tmp_path, said):
    root = _planted(good, SHARED, tmp_path / 'set')
    assert _train(root, on_error='warn').iter == 15
    assert any('videos that train' in line for line in said)


def test_what_is_ignored_is_not_said(good, tmp_path, said):
    root = _planted(good, SHARED, tmp_path / 'set')
    assert _train(root, ignore=['shared_video', 'shared_keyframe']).iter == 15
    assert [line for line in said if str(root) in line] == []


def test_datasets_in_wrappers_are_found(good, tmp_path):
    root = _planted(good, SHARED, tmp_path / 'set')
    cfg = Config.fromfile(root / 'config.py')
    wrapped = dict(type='RepeatDataset', times=2, dataset=cfg.train_dataloader.dataset)
    with pytest.raises(ValueError, match='videos that train'):
        _train(root, changes={'train_dataloader': dict(dataset=dict(_delete_=True, **wrapped))})


def test_test_split_that_is_not_here_is_left_out(good, tmp_path, said):
    root = shutil.copytree(good['mmlt.AVADataset'], tmp_path / 'set')
    (root / 'annotations' / 'test.csv').unlink()
    assert _train(root).iter == 15
    assert [line for line in said if str(root) in line] == []


def test_holes_are_not_looked_for_without_frames(good, tmp_path):
    root = _planted(good, 'holes in the frames', tmp_path / 'set')
    with pytest.raises(ValueError, match='lacks frames 11, 12, 13'):
        _train(root)
    with pytest.raises(FileNotFoundError, match='img_0001[123].jpg'):  # the decoder's, in the epoch
        _train(root, frames=False)


def test_what_the_dataset_says_is_not_said_again(good, tmp_path, said):
    root = _planted(good, 'keyframes without a proposal', tmp_path / 'set')
    _train(root)
    about = [line for line in said if 'proposal' in line and str(root) in line]
    assert len(about) == 1 and 'no proposal for 2 of 15 keyframes' in about[0]


def test_what_mmaction2s_dataset_does_not_say_is_said(good, tmp_path, said):
    root = _planted(good, 'keyframes without a proposal', tmp_path / 'set', 'AVADataset')
    _train(root)
    about = [line for line in said if 'proposal' in line and str(root) in line]
    assert len(about) == 1 and 'line 5: walk_a,0002' in about[0]


def test_proposals_are_not_read_again(good, tmp_path, monkeypatch):
    root = shutil.copytree(good['mmlt.AVADataset'], tmp_path / 'set')
    monkeypatch.setattr(whole, 'read_loose_proposals', pytest.fail)
    assert _train(root).iter == 15


def test_both_ranks_stop(good, tmp_path, two_ranks):
    root = _planted(good, SHARED, tmp_path / 'set')
    two_ranks.run(Path(__file__).with_name('checked_on_two_ranks.py'), root)
    for rank in (0, 1):
        assert 'videos that train' in (root / f'error_{rank}.txt').read_text()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'on_error': 'stop'}, "on_error must be one of 'raise', 'warn', got 'stop'"),
        ({'ignore': ['share']}, "ignore must be one of 'missing_file'.*got 'share'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CheckDataHook(**arguments)


def test_kinds_told_by_the_dataset_are_kinds():
    assert set(module.MISTAKES) >= module._TOLD_BY_DATASET
