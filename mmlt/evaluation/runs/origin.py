"""Where a run came from: what mmengine left beside its results says; nothing is guessed.

A job of mmengine keeps its whole config and its log in ``WORK_DIR/TIMESTAMP``, and the config once
more, under its own name, in ``WORK_DIR``.
"""

from __future__ import annotations

import ast
import re
from datetime import datetime, timezone
from pathlib import Path

from mmlt.evaluation.runs.folder import METRICS_FILE
from mmlt.fileio.evaluation_files import AnnotationFiles

_JOB_NAME = re.compile(r'(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)')
_CONFIG = Path('vis_data', 'config.py')
_SEED_LINE = re.compile(r'^\s+seed: (\d+)\s*$')
_TRAIN_LINE = re.compile(r' (Epoch|Iter)\(train\) ')


def find_origin(folder: str | Path) -> dict[str, str]:
    """What is known of the job that wrote a run folder.

    Args:
        folder: The run folder.

    Returns:
        Of 'Date', 'Config', 'Checkpoint' and 'Training seed' those that can be known, as text.
    """
    folder = Path(folder).resolve()
    job = _find_job(folder)
    if job is None:
        return _only(Date=_file_date(folder / METRICS_FILE))
    text = _read(job / _CONFIG)
    settings = _settings(text)
    logged_seed, is_training = _read_log(job)
    seed = _seed(settings, logged_seed)
    checkpoint = settings.get('load_from')
    if is_training:
        checkpoint = 'none: evaluated during its training'
    elif isinstance(checkpoint, str):
        seed = _seed_of_training(checkpoint, folder)
    else:
        checkpoint = seed = None
    when = _JOB_NAME.fullmatch(job.name)
    date = '{}-{}-{} {}:{}:{}'.format(*when.groups()) if when else None
    date = date or _file_date(folder / METRICS_FILE)
    config = _config_name(job.parent, text)
    return _only(Date=date, Config=config, Checkpoint=checkpoint, **{'Training seed': seed})


def find_annotations(folder: str | Path) -> AnnotationFiles | None:
    """The annotations that the detector of a run folder was evaluated on, as its job's config has.

    Args:
        folder: The run folder.

    Returns:
        None where the config is not there, or it names no such file that exists; a relative path
        is looked for in the working directory, then in the folders above the run.
    """
    folder = Path(folder).resolve()
    job = _find_job(folder)
    if job is None:
        return None
    settings = _settings(_read(job / _CONFIG))
    evaluator = settings.get('val_evaluator' if _read_log(job)[1] else 'test_evaluator')
    for metric in evaluator if isinstance(evaluator, list) else [evaluator]:
        if isinstance(metric, dict) and str(metric.get('type')).endswith('AVALongTailMetric'):
            named = [metric.get(key) for key in ('ann_file', 'exclude_file')]
            files = [_existing(name, folder) for name in named]
            if files[0] is not None and (files[1] is not None or named[1] is None):
                return AnnotationFiles(*files, metric.get('ann_format', 'ava'))
    return None


def _existing(name: str | None, folder: Path) -> Path | None:
    if not isinstance(name, str):
        return None
    return next((b / name for b in (Path(), *folder.parents) if (b / name).is_file()), None)


def _config_name(work_dir: Path, text: str) -> str | None:
    """The name of the job's config: the only one that jobs there had, or the one with its text."""
    paths = list(work_dir.glob('*.py'))
    if len(paths) > 1:
        paths = [path for path in paths if _read(path) == text]
    return paths[0].name if len(paths) == 1 else None


def _only(**facts: str | None) -> dict[str, str]:
    return {term: text for term, text in facts.items() if text is not None}


def _file_date(file: Path) -> str | None:
    if not file.is_file():
        return None
    changed = datetime.fromtimestamp(file.stat().st_mtime, timezone.utc)
    return f'{changed:%Y-%m-%d %H:%M:%S} UTC, when {file.name} was last changed'


def _find_job(folder: Path) -> Path | None:
    """The folder with log and config: the run's own, or one beside or in it that wrote there."""
    if (folder / _CONFIG).is_file():
        return folder
    near = [*folder.glob(f'*/{_CONFIG}'), *folder.parent.glob(f'*/{_CONFIG}')]
    jobs = [file.parents[1] for file in near if _writes_to(_read(file), folder)]
    return jobs[0] if len(jobs) == 1 else None  # of several one cannot know which it was


def _writes_to(config: str, folder: Path) -> bool:
    """Whether a metric of the config has the folder as its ``out_dir``, relative to anywhere."""
    for node in ast.walk(_parse(config)):
        if isinstance(node, ast.keyword) and node.arg == 'out_dir':
            value = _literal(node.value)
            parts = Path(value).parts if isinstance(value, str) else ()
            if parts and folder.parts[-len(parts) :] == parts:
                return True
    return False


def _settings(config: str) -> dict:
    """The plain values that the config assigns; it is read, never run."""
    return {
        target.id: _literal(node.value)
        for node in _parse(config).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _parse(config: str) -> ast.Module:
    try:
        return ast.parse(config)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # cut short, or none of ours
        return ast.Module([], [])


def _literal(node: ast.expr):
    """The value of a literal, a ``dict(key=literal)`` or a list of them; None of anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        return {keyword.arg: _literal(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.List):
        return [_literal(each) for each in node.elts]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _read_log(job: Path) -> tuple[str | None, bool]:
    """The seed that the log names, and whether the job trained."""
    seed, is_training = None, False
    for file in job.glob('*.log'):
        with open(file, encoding='utf-8', errors='replace') as lines:
            for line in lines:
                match = _SEED_LINE.match(line)
                seed = seed or (match and match[1])
                is_training = is_training or _TRAIN_LINE.search(line) is not None
    return seed, is_training


def _seed(settings: dict, logged: str | None) -> str | None:
    """The seed that was set, else the one that mmengine drew and logged."""
    randomness = settings.get('randomness')
    seed = randomness.get('seed') if isinstance(randomness, dict) else None
    return str(seed) if isinstance(seed, int) else logged


def _seed_of_training(checkpoint: str, folder: Path) -> str | None:
    """The seed of the jobs beside a checkpoint, if they trained and agree on one."""
    path = next(
        (base / checkpoint for base in folder.parents if (base / checkpoint).exists()), None
    )
    if path is None:
        return None
    seeds = set()
    for file in path.parent.glob(f'*/{_CONFIG}'):
        logged, is_training = _read_log(file.parents[1])
        if is_training:
            seeds.add(_seed(_settings(_read(file)), logged))
    return seeds.pop() if len(seeds) == 1 else None


def _read(file: Path) -> str:
    return file.read_text(encoding='utf-8', errors='replace')
