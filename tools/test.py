#!/usr/bin/env python
r"""Test a checkpoint: mmaction2's own ``tools/test.py``, with mmlt imported first.

Examples:
    python tools/test.py configs/toy/slowonly_toy_ava.py work_dirs/baseline/epoch_4.pth \
        --cfg-options test_evaluator.out_dir=work_dirs/baseline/test
    python tools/test.py CONFIG CHECKPOINT --data-split val
    python tools/test.py CONFIG CHECKPOINT --tta

Several ranks: tools/dist_test.sh, tools/slurm_test.sh.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mmaction
from mmengine.config import Config

import mmlt  # noqa: F401  (its repairs must be in place before a model is built)
from mmlt.command_line import add_data_split, describe, run_main
from mmlt.engine.runner.expand_datasets import read_config
from mmlt.engine.runner.tta_config import add_tta
from mmlt.experiments.other_split import SPLITS, test_overrides


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-split`` and ``--tta``."""
    add_data_split(
        parser,
        '--on',
        choices=SPLITS,
        default='test',
        help="the split to test on: its files take the place of the test split's",
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation: average scores over the views of the config's tta_pipeline",
    )


def options_on_split(config: Config, args: argparse.Namespace) -> dict:
    """The config options that ``--data-split`` stands for, then those given by hand, which win."""
    try:
        options = test_overrides(config, args.data_split)
    except ValueError as error:
        raise ValueError(f'{args.config}: {error}') from None
    if args.dump:  # mmaction2 makes a list of the evaluator and that of the dump
        name = 'test_evaluator.'
        options = {key.replace(name, f'{name}0.'): value for key, value in options.items()}
    return {**options, **(args.cfg_options or {})}


def take_val_for_test(config: Config, args: argparse.Namespace) -> None:
    """A co-finetuning config whose data sets have a val and no test is tested on val."""
    if config.get('runner_type') is None or config.get('test_dataloader') is not None:
        return
    if args.data_split != 'val' or config.get('val_dataloader') is None:
        raise ValueError(
            f'{args.config}: no data set has a test; give one a test and a test_evaluator, or take '
            '--data-split val'
        )
    config.test_dataloader, config.test_evaluator = config.val_dataloader, config.val_evaluator
    config.test_cfg = dict(type='mmlt.MultiDatasetTestLoop')
    args.data_split = 'test'  # it is in its place now


def build_with_tta(names: dict, path: str) -> None:
    """Have mmaction2's ``main`` add the augmentation when all options are in its config."""

    def with_tta(config: Config) -> Config:
        try:
            add_tta(config)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
        return config

    for name, method in (('Runner', 'from_cfg'), ('RUNNERS', 'build')):  # one of them is called
        build = getattr(names[name], method)
        wrapped = {method: lambda config, build=build: build(with_tta(config))}
        names[name] = SimpleNamespace(**wrapped)


def check_files(args: argparse.Namespace) -> None:
    """End with one line, whatever the number of ranks, where a file is absent."""
    missing = [] if Path(args.config).is_file() else [f'{args.config}: no such config']
    if '://' not in args.checkpoint and not Path(args.checkpoint).is_file():
        missing.append(f'{args.checkpoint}: no such checkpoint')
    if missing:
        if os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0':
            print(f'error: {"; ".join(missing)}', file=sys.stderr)
        sys.exit(2)


def main():
    stock = runpy.run_path(str(Path(mmaction.__file__).parent / '.mim' / 'tools' / 'test.py'))
    describe(stock['parse_args'], __doc__, add_option)
    args = stock['parse_args']()
    check_files(args)
    config, args.cfg_options = read_config(args.config, args.cfg_options)
    take_val_for_test(config, args)
    args.cfg_options = options_on_split(config, args)
    names = stock['main'].__globals__
    names['parse_args'] = lambda: args
    names['Config'] = SimpleNamespace(fromfile=lambda path: config)
    if args.tta:
        build_with_tta(names, args.config)
    stock['main']()


if __name__ == '__main__':
    run_main(main)
