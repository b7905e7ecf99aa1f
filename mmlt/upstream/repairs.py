"""The repairs, in the order of the packages: numpy, mmaction2, mmdet, mmengine."""

from __future__ import annotations

import atexit
import functools
import importlib.abc
import importlib.machinery
import sys
import time
import types
import warnings

from mmlt.upstream.color_jitter import turn_hues_either_way
from mmlt.upstream.roi_precision import extract_in_precision_of_boxes
from mmlt.upstream.versions import check_versions
from mmlt.upstream.when_imported import when_imported


def apply():
    """Check the versions of what is installed and put every repair in place (idempotent)."""
    check_versions()
    _restore_numpy_names()
    _provide_missing_drn()
    when_imported('mmaction.utils.dependency', _leave_out_multimodal)
    when_imported('mmaction.datasets.transforms.processing', turn_hues_either_way)
    when_imported(
        'mmaction.models.roi_heads.roi_extractors.single_straight3d', extract_in_precision_of_boxes
    )
    when_imported('mmengine.runner.checkpoint', _allow_mmengine_checkpoints)
    when_imported('mmengine.dist.utils', _launch_without_cuda)
    when_imported('mmengine.model.wrappers.distributed', _wrap_on_cpu)


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


# --------------------------------------------------------------------- transformers 5


def _leave_out_multimodal(module: types.ModuleType):
    """transformers 5 lacks names that mmaction2's VindLU imports, and with it every model falls.

    mmaction2 asks only for transformers of 4.28 or newer. Where the names are gone VindLU is left
    out, as without transformers: its placeholders say so when it is built.
    """
    if not module.WITH_MULTIMODAL:
        return
    try:
        from transformers.modeling_utils import apply_chunking_to_forward  # noqa: F401
    except ImportError:
        module.WITH_MULTIMODAL = False


# ------------------------------------------------------------------- weights-only checkpoints


def _allow_mmengine_checkpoints(module: types.ModuleType):
    """Let weights-only ``torch.load`` (the default from torch 2.6) read mmengine's checkpoints.

    Exactly :func:`mmlt.weights_only.safe_objects` are allowed; loading stays weights-only, and
    becomes so for checkpoints from a URL, which torch.hub would read with the full unpickler.
    """
    import torch

    from mmlt import weights_only

    if not weights_only.HAS_SAFE_GLOBALS:
        warnings.warn(
            f'torch {torch.__version__} runs whatever a checkpoint says while mmengine loads it: '
            'load, test and resume only checkpoints that you trust, or use torch >= 2.6',
            stacklevel=2,
        )
        return
    safe = weights_only.safe_objects()
    torch.serialization.add_safe_globals([(found, name) for name, found in safe.items()])
    if not isinstance(module.load_url, functools.partial):
        module.load_url = functools.partial(module.load_url, weights_only=True)


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
