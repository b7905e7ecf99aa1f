"""What the rows of VideoLT's tables are, and how their configs are turned to other data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlt.evaluation.groups import empty_groups
from mmlt.fileio.class_counts import write_class_counts
from mmlt.fileio.npy_files import map_npy
from mmlt.fileio.videolt_lists import read_videolt_counts
from mmlt.functional import split_head_medium_tail
from mmlt.functional.checks import check_integer

HEADS = {'nonlinear': 'mmlt.NonlinearHead', 'netvlad': 'mmlt.NetVLADHead'}
#: Method, by the suffix of its config -> what tables call it.
METHODS = {
    'baseline': 'baseline, BCE',
    'ldam_drw': 'LDAM + DRW',
    'eql_reference': 'EQL, drops .00176',
    'eql': 'EQL, drops .9',
    'cbs': 'CBS',
    'srs': 'square-root sampling',
    'cb_loss': 'CB loss',
    'mixup': 'mixup',
    'focal': 'focal, gamma 1',
    'framestack_bce': 'FrameStack-BCE',
    'framestack_fl': 'FrameStack-FL',
    'framestack_constant': 'FrameStack-FL, beta .5',
    'framestack_frequency': 'FrameStack-FL, by frequency',
    'distribution_balanced': 'distribution-balanced',
    'asymmetric': 'asymmetric',
    'ema': 'EMA',
    'lmr': 'LMR',
}
#: VideoLT's groups, in training videos.
HEAD_MIN, TAIL_MAX = 500, 100
#: The toy's groups and length; the others go with its 630 updates.
TOY_SCHEDULE = {'head_min': 50, 'tail_max': 10, 'max_epochs': 15}
TOY_BATCH_SIZE, TOY_LR, TOY_EMA_MOMENTUM = 32, 0.1, 0.01
#: Method -> the one whose checkpoint it starts from on the toy world.
TOY_START = {'lmr': 'baseline'}
#: What the configs read of the environment.
VARIABLES = (
    'VIDEOLT_ROOT',
    'VIDEOLT_FEATURES',
    'VIDEOLT_COUNTS',
    'VIDEOLT_CLASSES',
    'VIDEOLT_CHANNELS',
    'VIDEOLT_HEAD_MIN',
    'VIDEOLT_TAIL_MAX',
    'VIDEOLT_EPOCHS',
    'VIDEOLT_EMA_MOMENTUM',
)
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


class Data(NamedTuple):
    """A data set in VideoLT's layout.

    Attributes:
        root: Folder of ``train.lst``, ``val.lst``, ``test.lst`` and ``count-labels-train.lst``.
        feature_dir: Folder of the feature files.
        num_classes: C, of the count file.
        feature_dim: D, of the first feature file.
    """

    root: Path
    feature_dir: Path
    num_classes: int
    feature_dim: int


def config_of(method: str) -> str:
    """Name of the config of a method."""
    return 'nonlinear_videolt.py' if method == 'baseline' else f'nonlinear_videolt_{method}.py'


def find_features(root: str | Path) -> dict[str, Path]:
    """Folders of features in ``root/features``: of each kind, or one of them all.

    Returns:
        Name -> folder of .npy files; 'features' is the name where they lie in ``features`` itself.

    Raises:
        FileNotFoundError: There are none.
    """
    folder = Path(root) / 'features'
    found = {'features': folder} if _first_file(folder) else {}
    if not found and folder.is_dir():
        found = {each.name: each for each in sorted(folder.iterdir()) if _first_file(each)}
    if not found:
        raise FileNotFoundError(
            f'{folder}: neither .npy files nor folders of them; features of videos are made by '
            'tools/features/extract_video_features.py'
        )
    return found


def read_data(root: str | Path, feature_dir: str | Path) -> Data:
    """Look at a data set.

    Raises:
        FileNotFoundError: A list or the features are absent.
        ValueError: A bad count file, or a feature file that is not (T, D).
    """
    root, feature_dir = Path(root), Path(feature_dir)
    for name in ('train.lst', 'val.lst', 'test.lst', 'count-labels-train.lst'):
        if not (root / name).is_file():
            raise FileNotFoundError(f'{root / name} does not exist')
    first = _first_file(feature_dir)
    if first is None:
        raise FileNotFoundError(f'{feature_dir}: no .npy file')
    shape = map_npy(first).shape
    if len(shape) != 2:
        raise ValueError(f'{first}: features must be (frames, channels), got {shape}')
    num_classes = len(read_videolt_counts(root / 'count-labels-train.lst').counts)
    return Data(root, feature_dir, num_classes, shape[1])


def write_counts(root: str | Path, path: str | Path, *, overwrite: bool = False) -> None:
    """Write the training counts of ``root/count-labels-train.lst`` as counts.json."""
    counts = read_videolt_counts(Path(root) / 'count-labels-train.lst')
    write_class_counts(path, counts, overwrite=overwrite)


def empty_groups_warning(
    root: str | Path, head_min: int | None = None, tail_max: int | None = None
) -> str | None:
    """Which of head, medium and tail have no class, and what to set; None if all have some.

    Args:
        root: Folder of ``count-labels-train.lst``.
        head_min: See :func:`data_environment`; None is VideoLT's.
        tail_max: See :func:`data_environment`; None is VideoLT's.

    Raises:
        ValueError: tail_max exceeds head_min.
    """
    head_min = HEAD_MIN if head_min is None else head_min
    tail_max = TAIL_MAX if tail_max is None else tail_max
    path = Path(root) / 'count-labels-train.lst'
    counts = np.array(list(read_videolt_counts(path).counts.values()))
    parts = split_head_medium_tail(counts, head_min=head_min, tail_max=tail_max)
    limits = dict(head_min=head_min, tail_max=tail_max)
    sentence = empty_groups(parts._asdict(), counts, **limits, unit='videos')
    return sentence and f'{path}: {sentence}'


def data_environment(
    data: Data,
    class_counts: str | Path,
    *,
    head_min: int | None = None,
    tail_max: int | None = None,
    max_epochs: int | None = None,
) -> dict[str, str]:
    """What turns the configs of configs/videolt to another data set in VideoLT's layout.

    Args:
        data: The data set.
        class_counts: Its counts.json.
        head_min: Classes with more training videos are in the head; None leaves VideoLT's.
        tail_max: Classes with at most so many are in the tail, for losses too.
        max_epochs: Epochs to train; whatever happens at some epoch is moved in proportion.

    Returns:
        Variables of the environment, which the configs name.
    """
    if max_epochs is not None:
        check_integer('max_epochs', max_epochs, 1)
    try:
        features = data.feature_dir.relative_to(data.root)
    except ValueError:
        features = data.feature_dir.resolve()
    variables = {
        'ROOT': data.root,
        'FEATURES': features,
        'COUNTS': Path(class_counts).resolve(),
        'CLASSES': data.num_classes,
        'CHANNELS': data.feature_dim,
        'HEAD_MIN': head_min,
        'TAIL_MAX': tail_max,
        'EPOCHS': max_epochs,
    }
    return {f'VIDEOLT_{name}': str(value) for name, value in variables.items() if value is not None}


def environment_words(variables: Mapping[str, str]) -> list[str]:
    """The head of a command that runs with these variables, and with none of a user's shell."""
    others = (word for name in VARIABLES if name not in variables for word in ('-u', name))
    return ['env', *others, *(f'{name}={value}' for name, value in variables.items())]


def toy_environment(data: Data, class_counts: str | Path) -> dict[str, str]:
    """:func:`data_environment` of the toy world, which has fewer updates to average over."""
    variables = data_environment(data, class_counts, **TOY_SCHEDULE)
    return {**variables, 'VIDEOLT_EMA_MOMENTUM': str(TOY_EMA_MOMENTUM)}


def toy_options(data: Data, on: str = 'test') -> dict[str, Any]:
    """What a training on the toy world has besides, as the toy's config does.

    Args:
        data: The toy's feature sequences.
        on: 'test' or 'val': the list that the test judges.

    Returns:
        Dotted key -> value, as ``--cfg-options`` takes them.
    """
    options = loader_options(0, ('train_dataloader', 'test_dataloader'))
    options['test_dataloader.dataset.ann_file'] = str(data.root / f'{on}.lst')
    options['train_dataloader.batch_size'] = TOY_BATCH_SIZE
    options['optim_wrapper.optimizer.lr'] = TOY_LR
    options['default_hooks.checkpoint.interval'] = TOY_SCHEDULE['max_epochs']
    options['default_hooks.checkpoint.save_best'] = None
    return options


def loader_options(num_workers: int, loaders: Iterable[str] = LOADERS) -> dict[str, Any]:
    """``--cfg-options`` that give loaders so many processes."""
    return {
        f'{loader}.{key}': value
        for loader in loaders
        for key, value in (('num_workers', num_workers), ('persistent_workers', num_workers > 0))
    }


def _first_file(folder: Path) -> Path | None:
    return next(folder.glob('*.npy'), None) if folder.is_dir() else None
