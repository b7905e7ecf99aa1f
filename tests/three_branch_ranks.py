"""What each of two ranks does: train, kill, resume and test every combination of branches."""

from __future__ import annotations

import json
import os
import uuid
from itertools import product
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import barrier
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner

import mmlt

SWITCHES = {'global_loss': None, 'global_feature': False, 'long_term': None}
NUM_UPDATES = 4
CONFIG = Path(mmlt.__file__).parents[1] / 'configs' / 'toy' / 'slowonly_toy_three_branch.py'


class Killed(Exception):
    """What ends a run, as a kill would."""


class KillHook(Hook):
    """Ends the run before an iteration."""

    def __init__(self, at: int) -> None:
        self.at = at

    def before_train_iter(self, runner, **kwargs) -> None:
        if runner.iter == self.at:
            raise Killed


def make_config(work_dir: Path, switches: dict[str, bool], **options) -> Config:
    """The toy's whole with some switches off, for a few updates."""
    config = Config.fromfile(CONFIG)
    for name, off in SWITCHES.items():
        if not switches[name]:
            config.model.roi_head[name] = off
    config.merge_from_dict(
        {
            'work_dir': str(work_dir),
            'launcher': 'pytorch',
            'experiment_name': uuid.uuid4().hex,
            'train_cfg.max_iters': NUM_UPDATES,
            'train_cfg.val_begin': NUM_UPDATES + 1,
            'param_scheduler.total_steps': NUM_UPDATES,
            'default_hooks.checkpoint.interval': 2,
            'default_hooks.checkpoint.save_best': None,
            'log_level': 'ERROR',
            **options,
        }
    )
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
    config.train_dataloader.batch_size = 2
    return config


def train(work_dir: Path, switches: dict[str, bool], *, kill: int | None = None, resume=False):
    """Weights after the last update; None of a run that was killed before one."""
    runner = Runner.from_cfg(make_config(work_dir, switches, resume=resume))
    if kill is not None:
        runner.register_hook(KillHook(kill))
    try:
        runner.train()
    except Killed:
        return None
    return {n: t.clone() for n, t in runner.model.module.state_dict().items()}


def check_combination(rank: int, out: Path, switches: dict[str, bool], kill: int) -> dict:
    """Train uninterrupted, killed and resumed; compare; test. What came out."""
    name = '+'.join(n for n, is_on in switches.items() if is_on) or 'roi'
    whole = train(out / name / 'whole', switches)
    assert train(out / name / 'killed', switches, kill=kill) is None
    barrier()
    resumed = train(out / name / 'killed', switches, resume=True)
    differing = [n for n, tensor in whole.items() if not torch.equal(tensor, resumed[n])]
    checkpoint = out / name / 'whole' / f'iter_{NUM_UPDATES}.pth'
    results = out / name / 'results'
    options = {'load_from': str(checkpoint), 'test_evaluator.out_dir': str(results)}
    metrics = Runner.from_cfg(make_config(out / name / 'test', switches, **options)).test()
    barrier()
    return {'name': name, 'differing': differing, 'mSAP': metrics['ava/mSAP']}


def main(rank: int, root: str, bank: str, out: str, kill: str) -> None:
    os.environ.update(LOCAL_RANK=str(rank), FEATURE_BANK=bank)  # LOCAL_RANK: mmengine asks for it
    MMLogger.get_current_instance().setLevel('ERROR')  # standard output is for the rank's answer
    before = os.getcwd()
    os.chdir(root)
    try:
        found = [
            check_combination(rank, Path(out), dict(zip(SWITCHES, states)), int(kill))
            for states in product((False, True), repeat=len(SWITCHES))
        ]
    finally:
        os.chdir(before)
        del os.environ['FEATURE_BANK']
    Path(out, f'rank{rank}.json').write_text(json.dumps(found))
