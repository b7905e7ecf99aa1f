"""Every repair of the OpenMMLab packages below mmlt, each with its cause.

:func:`apply` runs when mmlt is imported. It imports none of the packages it mends: a repair waits
until its module is imported by somebody (:func:`when_imported`), and does nothing where the package
is sound (a source install of mmaction2, numpy 1.26, an older torch, a machine with CUDA).
"""

from __future__ import annotations

import atexit
import functools
import importlib.abc
import importlib.machinery
import re
import sys
import time
import types
import warnings
from importlib import import_module, metadata

from mmlt._when_imported import when_imported

# distribution: (lowest, below, what to install). None as upper end: nothing newer is refused.
SUPPORTED_VERSIONS = {
    'numpy': ('1.26', '3', 'numpy>=1.26,<3'),
    'torch': ('2.1', '3', 'torch>=2.1,<3'),
    'mmengine': ('0.10.0', '1.0.0', 'mmengine>=0.10.0,<1.0.0'),
    'mmcv': ('2.0.0', '2.2.0', 'mmcv>=2.0.0,<2.2.0'),
    'mmdet': ('3.2.0', '4.0.0', 'mmdet>=3.2.0,<4.0.0'),
    'mmaction2': ('1.2.0', '2.0.0', 'mmaction2>=1.2.0,<2.0.0'),
}


def apply():
    """Check the versions of what is installed and put every repair in place (idempotent)."""
    check_versions()
    _restore_numpy_names()
    _provide_missing_drn()
    when_imported('mmengine.runner.checkpoint', _allow_mmengine_checkpoints)
    when_imported('mmengine.dist.utils', _launch_without_cuda)
    when_imported('mmengine.model.wrappers.distributed', _wrap_on_cpu)


# --------------------------------------------------------------------------------- versions


def _release(version):
    """The leading numbers of a version: '2.13.0+cpu' -> (2, 13, 0)."""
    match = re.match(r'\d+(\.\d+)*', version)
    return tuple(int(part) for part in match.group().split('.')) if match else ()


def check_versions():
    """Refuse an installed package outside :data:`SUPPORTED_VERSIONS`.

    A package that is not installed passes: ``mmlt.functional`` needs numpy, torch and pyarrow only.

    Raises:
        ImportError: names the package, its version and the command that mends it.
    """
    for package, (lowest, below, requirement) in SUPPORTED_VERSIONS.items():
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        if not _release(lowest) <= _release(version) < _release(below):
            raise ImportError(
                f'mmlt needs {requirement}, but {package}=={version} is installed. '
                f"Install it with: pip install '{requirement}'"
            )


# ---------------------------------------------------------------------------------- numpy 2


def _restore_numpy_names():
    """numpy 2 dropped names that mmaction2 1.2.0 still uses.

    ``np.NAN`` (a class without ground truth in ava_evaluation/metrics.py), ``np.Inf``
    (utils/misc.py, pose transforms), ``np.trapz`` and ``np.in1d`` (accuracy, retrieval).
    """
    import numpy as np

    substitutes = {
        'NAN': lambda: np.nan,
        'Inf': lambda: np.inf,
        'trapz': lambda: np.trapezoid,
        'in1d': lambda: np.isin,
    }
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        for name, substitute in substitutes.items():
            if not hasattr(np, name):
                setattr(np, name, substitute())


# ------------------------------------------------------------------- mmaction2's missing module

_DRN = 'mmaction.models.localizers.drn'


class _MissingDRNFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Supplies a stand-in for mmaction's ``drn`` package where the wheel lacks it.

    mmaction2's wheel omits ``models/localizers/drn``, which ``localizers/__init__`` imports, so
    that no model of mmaction could be imported. This finder stands last on ``sys.meta_path``: the
    real package wins where it exists.
    """

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in (_DRN, f'{_DRN}.drn'):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname == _DRN)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        class DRN:
            """Stand-in: this installation of mmaction2 comes without DRN."""

            def __init__(self, *args, **kwargs):
                raise ImportError(
                    'DRN is missing: the wheel of mmaction2 1.2.0 does not contain '
                    f'{_DRN}. Install mmaction2 from source to use it.'
                )

        module.DRN = DRN


def _provide_missing_drn():
    if not any(isinstance(finder, _MissingDRNFinder) for finder in sys.meta_path):
        sys.meta_path.append(_MissingDRNFinder())


# ------------------------------------------------------------------- weights-only checkpoints


def _allow_mmengine_checkpoints(module: types.ModuleType):
    """Let weights-only ``torch.load`` (the default from torch 2.6) read mmengine's checkpoints.

    mmengine keeps ``HistoryBuffer`` objects (numpy arrays) and, for OneCycle, a bound method in
    them. Exactly these are allowed; loading stays weights-only, and becomes so for checkpoints from
    a URL, which torch.hub would read with the full unpickler.
    """
    import torch

    if _release(torch.__version__) < (2, 6):
        warnings.warn(
            f'torch {torch.__version__} runs whatever a checkpoint says while loading it: load '
            'only checkpoints that you trust, or use torch >= 2.6',
            stacklevel=2,
        )
        return
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    # numpy 1.26 has a stub of numpy._core that lacks its submodules: ask for the right one
    core = 'numpy._core' if _release(np.__version__) >= (2,) else 'numpy.core'
    multiarray = import_module(f'{core}.multiarray')
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            OneCycleParamScheduler,
            (_checkpoint_getattr, 'builtins.getattr'),
            np.ndarray,
            np.dtype,
            # the same two functions under the names that numpy 1 and numpy 2 write
            (multiarray._reconstruct, 'numpy._core.multiarray._reconstruct'),
            (multiarray._reconstruct, 'numpy.core.multiarray._reconstruct'),
            (multiarray.scalar, 'numpy._core.multiarray.scalar'),
            (multiarray.scalar, 'numpy.core.multiarray.scalar'),
            *{type(np.dtype(code)) for code in np.typecodes['AllFloat'] + np.typecodes['Integer']},
            *{type(np.dtype(code)) for code in '?' + np.typecodes['UnsignedInteger']},
        ]
    )
    if not isinstance(module.load_url, functools.partial):
        module.load_url = functools.partial(module.load_url, weights_only=True)


def _checkpoint_getattr(owner, name):
    """What ``builtins.getattr`` may do inside a checkpoint: name the methods mmengine keeps there.

    These are the statistics of ``HistoryBuffer`` and the annealing functions of OneCycle. A raw
    ``getattr`` would hand a crafted file the way to any function.
    """
    import pickle

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


# ---------------------------------------------------------------------------- ranks without CUDA


def _launch_without_cuda(module: types.ModuleType):
    """mmengine's launchers call ``torch.cuda.set_device`` even where there is no CUDA.

    Without CUDA that call is left out for the length of the launch, and backend 'nccl', which every
    stock config names, becomes 'gloo'.
    """
    for name in ('_init_dist_pytorch', '_init_dist_mpi', '_init_dist_slurm'):
        launch = getattr(module, name)
        if not hasattr(launch, '__wrapped__'):
            setattr(module, name, _cpu_launcher(launch))


def _cpu_launcher(launch):
    @functools.wraps(launch)
    def launch_on_any_device(backend, **kwargs):
        import torch
        from mmengine import device

        atexit.register(_let_gloo_finish)
        kinds = ('cuda', 'npu', 'mlu', 'musa')
        if any(getattr(device, f'is_{kind}_available', bool)() for kind in kinds):
            return launch(backend, **kwargs)
        set_device = torch.cuda.set_device
        torch.cuda.set_device = lambda device: None
        try:
            return launch('gloo' if backend == 'nccl' else backend, **kwargs)
        finally:
            torch.cuda.set_device = set_device

    return launch_on_any_device


def _let_gloo_finish():
    """A rank that ends right after a collective aborts now and then ("terminate called ...").

    A thread of gloo gives the last collective's tensors back after the collective has returned, and
    needs the interpreter for it; once that has begun to shut down the thread is ended by force. So
    the main thread waits a moment first, which lets the other one in.
    """
    import torch.distributed as dist

    if dist.is_initialized():
        time.sleep(0.1)


def _wrap_on_cpu(module: types.ModuleType):
    """mmengine passes ``device_ids=[LOCAL_RANK]``, which torch refuses for a module on the CPU."""
    wrapper = module.MMDistributedDataParallel
    init = wrapper.__init__
    if hasattr(init, '__wrapped__'):
        return

    @functools.wraps(init)
    def init_on_any_device(self, module, *args, **kwargs):
        on_cpu = all(parameter.device.type == 'cpu' for parameter in module.parameters())
        if on_cpu and kwargs.get('device_ids') is not None:
            kwargs['device_ids'] = None
        init(self, module, *args, **kwargs)

    wrapper.__init__ = init_on_any_device
