"""Reading checkpoints of mmengine without running what they may say, on every torch.

A weights-only ``torch.load`` builds tensors and plain containers. mmengine keeps a little more in a
checkpoint: ``HistoryBuffer`` objects (numpy arrays) and, for OneCycle, a bound method. Exactly
these are allowed beside.
"""

from __future__ import annotations

import codecs
import collections
import functools
import pickle
import tarfile
import types
from collections import OrderedDict
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlt.fileio.checkpoints import naming_checkpoint

# torch can be told what else to allow from 2.4 on, and under which name from 2.6 on
HAS_SAFE_GLOBALS = tuple(int(part) for part in torch.__version__.split('.')[:2]) >= (2, 6)


def load_weights_only(path: str | Path) -> Any:
    """What a checkpoint holds, its tensors on the CPU.

    Args:
        path: A local file that ``torch.save`` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file holds what is not allowed.
        Exception: A damaged file; :func:`mmlt.fileio.checkpoints.naming_checkpoint` makes
            one error of them.
    """
    path = Path(path).expanduser()
    _refuse_other_archives(path)
    if HAS_SAFE_GLOBALS:
        import_module('mmengine.runner.checkpoint')  # mmlt.upstream waits for it to allow the rest
        return torch.load(path, map_location='cpu', weights_only=True)
    return torch.load(path, map_location='cpu', weights_only=False, pickle_module=_RestrictedPickle)


def _refuse_other_archives(path: str | Path) -> None:
    """Older torch unpacks a tar file, and runs a TorchScript, weights-only or not."""
    if tarfile.is_tarfile(path):
        raise pickle.UnpicklingError('refused a checkpoint that is a tar file')
    with open(path, 'rb') as file:
        is_zip = file.read(4) == b'PK\x03\x04'
    if is_zip and 'constants.pkl' in torch._C.PyTorchFileReader(str(path)).get_all_records():
        raise pickle.UnpicklingError('refused a checkpoint that is a TorchScript')


def safe_objects() -> dict[str, Any]:
    """What mmengine's checkpoints hold beside weights, by the name that stands in the file."""
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    # numpy 1.26 has a stub of numpy._core that lacks its submodules: ask for the right one
    core = 'numpy._core' if int(np.__version__.partition('.')[0]) >= 2 else 'numpy.core'
    multiarray = import_module(f'{core}.multiarray')
    codes = '?' + np.typecodes['AllFloat'] + np.typecodes['AllInteger']
    classes = [HistoryBuffer, OneCycleParamScheduler, np.ndarray, np.dtype]
    classes += {type(np.dtype(code)) for code in codes}
    return {
        **{f'{cls.__module__}.{cls.__name__}': cls for cls in classes},
        'builtins.getattr': checkpoint_getattr,
        # the same two functions under the names that numpy 1 and numpy 2 write
        'numpy._core.multiarray._reconstruct': multiarray._reconstruct,
        'numpy.core.multiarray._reconstruct': multiarray._reconstruct,
        'numpy._core.multiarray.scalar': multiarray.scalar,
        'numpy.core.multiarray.scalar': multiarray.scalar,
    }


def checkpoint_getattr(owner: Any, name: str) -> Any:
    """What ``builtins.getattr`` may do inside a checkpoint: name the methods mmengine keeps there.

    These are the statistics of ``HistoryBuffer`` and the annealing functions of OneCycle. A raw
    ``getattr`` would hand a crafted file the way to any function.
    """
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    cls = owner if isinstance(owner, type) else type(owner)
    allowed = {
        HistoryBuffer: ('current', 'max', 'mean', 'min'),
        OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
    }
    if any(issubclass(cls, known) and name in names for known, names in allowed.items()):
        return getattr(owner, name)
    raise pickle.UnpicklingError(
        f'refused getattr({owner!r}, {name!r}) in a checkpoint: only the methods that '
        "mmengine's HistoryBuffer and OneCycleParamScheduler keep there are allowed"
    )


# ------------------------------------------------------------------------------ torch before 2.6


@functools.lru_cache(maxsize=1)
def _allowed() -> Mapping[str, Any]:
    """What torch allows itself, the builtins that newer torch allows, and :func:`safe_objects`."""
    from torch._weights_only_unpickler import _get_allowed_globals

    builtins = (bytearray, complex, set)
    return {
        **{f'builtins.{cls.__name__}': cls for cls in builtins},
        **{str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)},
        '_codecs.encode': codecs.encode,
        'collections.Counter': collections.Counter,
        'torch.device': torch.device,
        **_get_allowed_globals(),
        **safe_objects(),
    }


@functools.lru_cache(maxsize=1)
def _with_state() -> frozenset[type]:
    """Whose instances a pickle may give a state, as newer torch has it."""
    known = {torch.Tensor, torch.nn.Parameter, collections.OrderedDict, collections.Counter}
    others = [found for found in safe_objects().values() if isinstance(found, type)]
    return frozenset(known.union(others))


class _RestrictedUnpickler(pickle._Unpickler):
    """Finds what :func:`_allowed` names and changes what it has made itself, nothing else.

    The unpickler in C sets attributes of whatever the file puts on its stack: of a class, of a
    function of torch. Only Python's own lets the instruction be replaced.
    """

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        module = 'builtins' if module == '__builtin__' else module
        found = _allowed().get(f'{module}.{name}')
        if found is None:
            raise pickle.UnpicklingError(f'refused {module}.{name} in a checkpoint')
        return found

    def load_build(self) -> None:
        target = self.stack[-2]
        if type(target) not in _with_state():
            name = getattr(target, '__qualname__', None) or f'an object of {type(target).__name__}'
            raise pickle.UnpicklingError(f'refused to change {name} from a checkpoint')
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


# what torch.load asks of its pickle_module
_RestrictedPickle = types.SimpleNamespace(
    __name__=__name__,
    Unpickler=_RestrictedUnpickler,
    load=lambda file, **options: _RestrictedUnpickler(file, **options).load(),
)


def read_checkpoint(path: str | Path) -> dict:
    """A checkpoint with its ``state_dict``, read weights-only.

    Args:
        path: A local file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No checkpoint that is safe to load, or without a state dict; names the file.
    """
    with naming_checkpoint(path):
        checkpoint = load_weights_only(path)
    if not isinstance(checkpoint, Mapping) or not isinstance(checkpoint.get('state_dict'), Mapping):
        raise ValueError(f'{path}: no state_dict in it; a checkpoint of mmengine is needed')
    return dict(checkpoint)


def read_weights(checkpoint: str) -> OrderedDict[str, Tensor]:
    """The weights in a checkpoint, on the CPU, by their names in the bare model.

    Args:
        checkpoint: A local file, read weights-only, or an address such as ``https://...``, which
            goes to mmengine's loader. It holds a ``state_dict``, or is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: No checkpoint that is safe to load, or without weights; names the file.
    """
    with naming_checkpoint(checkpoint):
        read = _read_address if '://' in checkpoint else load_weights_only
        content = read(checkpoint)
    saved = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(saved, dict) or not _are_weights(saved):
        raise ValueError(
            f'{checkpoint} is a checkpoint of another layout: it holds no weights under state_dict'
        )
    # DistributedDataParallel's prefix, where somebody has saved the wrapper
    weights = OrderedDict((name.removeprefix('module.'), value) for name, value in saved.items())
    weights._metadata = getattr(saved, '_metadata', OrderedDict())  # versions of torch's modules
    return weights


def _are_weights(saved: dict) -> bool:
    known = all(isinstance(key, str) and isinstance(saved[key], Tensor) for key in saved)
    return known and bool(saved)


def _read_address(address: str) -> object:
    from mmengine.runner import CheckpointLoader

    return CheckpointLoader.load_checkpoint(address, map_location='cpu')
