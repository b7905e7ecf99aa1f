"""What each of two ranks hears from CheckDataHook."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from mmengine.config import Config

from mmlt.engine.hooks import CheckDataHook


def main(rank: int, root: str) -> None:
    """Write the error of a rank to error_RANK.txt."""
    cfg = Config.fromfile(Path(root) / 'config.py')
    runner = SimpleNamespace(cfg=cfg, train_loop=None, val_loop=None)
    try:
        CheckDataHook().before_train(runner)
    except ValueError as error:
        (Path(root) / f'error_{rank}.txt').write_text(str(error))
