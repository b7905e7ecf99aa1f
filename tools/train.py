#!/usr/bin/env python
r"""Train a config: mmaction2's own ``tools/train.py``, with mmlt imported first.

Examples:
    python tools/train.py configs/toy/slowonly_toy_ava.py --seed 0 --work-dir work_dirs/baseline
    python tools/train.py CONFIG --resume --cfg-options train_dataloader.batch_size=4

Several ranks: tools/dist_train.sh, tools/slurm_train.sh.

Differs from mmaction2's: ``--seed`` also counts where the config sets ``randomness``.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mmaction
from mmaction.registry import RUNNERS
from mmengine.runner import Runner

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.command_line import describe, run_main
from mmlt.engine.runner.expand_datasets import read_config


def main():
    stock = runpy.run_path(str(Path(mmaction.__file__).parent / '.mim' / 'tools' / 'train.py'))
    describe(stock['parse_args'], __doc__)
    args = stock['parse_args']()
    if not Path(args.config).is_file():
        # one line, whatever the number of ranks
        if os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0':
            print(f'error: {args.config}: no such config', file=sys.stderr)
        sys.exit(2)
    cfg, args.cfg_options = read_config(args.config, args.cfg_options)
    cfg = stock['merge_args'](cfg, args)
    if args.seed is not None:
        cfg.randomness.seed = args.seed
    if args.diff_rank_seed:
        cfg.randomness.diff_rank_seed = True
    if args.deterministic:
        cfg.randomness.deterministic = True
    build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
    build(cfg).train()


if __name__ == '__main__':
    run_main(main)
