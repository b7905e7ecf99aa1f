"""Each repair of mmlt.upstream, shown on the package it mends."""

from __future__ import annotations

import functools
import http.server
import os
import pickle
import subprocess
import sys
import threading
import warnings
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.optim import scheduler as schedulers
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_checkpoint, save_checkpoint
from torch import nn

from mmlt import upstream, weights_only
from mmlt.upstream import repairs

SCHEDULER_ARGS = {
    'Constant': dict(factor=0.5),
    'CosineAnnealing': dict(T_max=5),
    'CosineRestart': dict(periods=[2, 3], restart_weights=[1, 0.5], eta_min=0.0),
    'Exponential': dict(gamma=0.9),
    'Linear': dict(start_factor=0.1),
    'MultiStep': dict(milestones=[1, 2]),
    'OneCycle': dict(eta_max=0.2, total_steps=10),
    'Poly': dict(power=2.0),
    'ReduceOnPlateau': dict(patience=1),
    'Step': dict(step_size=2),
}


def _scheduler_classes():
    """Every learning-rate and momentum scheduler that mmengine ships."""
    return sorted(n for n in dir(schedulers) if n.endswith(('LR', 'Momentum')))


def _build_scheduler(name, anneal='cos'):
    stem = name[: -len('LR')] if name.endswith('LR') else name[: -len('Momentum')]
    kwargs = dict(SCHEDULER_ARGS[stem])
    if stem == 'OneCycle':
        kwargs['anneal_strategy'] = anneal
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)
    scheduler = getattr(schedulers, name)(optimizer, **kwargs)
    optimizer.step()
    scheduler.step(*([{'loss': 1.0}] if stem == 'ReduceOnPlateau' else []))
    return scheduler


class Payload:
    """Pickles into a call of a function with arguments."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


# ---------------------------------------------------------------- checkpoints, weights only


def test_the_scan_covers_the_schedulers_mmengine_ships():
    names = _scheduler_classes()
    assert {'OneCycleLR', 'CosineAnnealingMomentum', 'ReduceOnPlateauLR'} <= set(names)
    assert len(names) >= 19


@pytest.mark.parametrize('name', _scheduler_classes())
@pytest.mark.parametrize('anneal', ['cos', 'linear'])
def test_checkpoint_with_every_scheduler_loads(tmp_path, name, anneal):
    scheduler = _build_scheduler(name, anneal)
    path = str(tmp_path / 'scheduler.pth')
    save_checkpoint({'state_dict': {}, 'param_schedulers': [scheduler.state_dict()]}, path)
    loaded = load_checkpoint(nn.Linear(2, 2), path)['param_schedulers'][0]
    fresh = _build_scheduler(name, anneal)
    fresh.load_state_dict(loaded)
    assert fresh.last_step == scheduler.last_step
    assert fresh.state_dict().keys() == scheduler.state_dict().keys()


def test_checkpoint_with_message_hub_ema_and_amp_loads(tmp_path):
    from mmengine.logging import MessageHub
    from mmengine.model import ExponentialMovingAverage

    hub = MessageHub('test_upstream')
    hub.update_scalar('train/loss', 0.25)
    hub.update_scalar('train/count', np.int64(3))
    hub.update_info('epoch', 4)
    model = nn.Linear(2, 2)
    checkpoint = {
        'state_dict': model.state_dict(),
        'ema_state_dict': ExponentialMovingAverage(model).state_dict(),
        'optimizer': {'loss_scaler': torch.amp.GradScaler('cpu').state_dict()}
        if hasattr(torch.amp, 'GradScaler')
        else {},
        'message_hub': hub.state_dict(),
    }
    path = str(tmp_path / 'full.pth')
    save_checkpoint(checkpoint, path)
    loaded = load_checkpoint(nn.Linear(2, 2), path)
    restored = MessageHub('test_upstream_restored')
    restored.load_state_dict(loaded['message_hub'])
    assert restored.get_scalar('train/loss').current() == 0.25
    assert restored.get_info('epoch') == 4
    assert torch.equal(loaded['ema_state_dict']['module.weight'], model.weight)


needs_weights_only = pytest.mark.skipif(
    not weights_only.HAS_SAFE_GLOBALS,
    reason='mmengine loads with the full pickle on this torch, as upstream has warned',
)


@pytest.mark.parametrize(
    'payload',
    [
        Payload(__import__('os').system, 'exit 1'),
        Payload(getattr, np.ndarray, 'tofile'),
        Payload(eval, '1'),
    ],
    ids=['os.system', 'getattr', 'eval'],
)
@needs_weights_only
def test_checkpoint_holding_code_is_refused(tmp_path, payload):
    path = str(tmp_path / 'crafted.pth')
    torch.save({'state_dict': {}, 'meta': payload}, path)
    with pytest.raises(Exception, match='(?i)weights_only|refused|unsupported'):
        load_checkpoint(nn.Linear(2, 2), path)


@pytest.fixture
def url(tmp_path, monkeypatch):
    """An address that serves the files of ``served``."""
    folder = tmp_path / 'served'
    folder.mkdir()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


def test_checkpoint_from_a_url(tmp_path, url):
    state = nn.Linear(2, 2).state_dict()
    torch.save({'state_dict': state}, tmp_path / 'served' / 'honest.pth')
    loaded = CheckpointLoader.load_checkpoint(f'{url}/honest.pth', 'cpu')['state_dict']
    assert torch.equal(loaded['weight'], state['weight'])


@needs_weights_only
def test_checkpoint_from_a_url_is_weights_only_too(tmp_path, url):
    crafted = {'state_dict': {}, 'meta': Payload(eval, '1')}
    torch.save(crafted, tmp_path / 'served' / 'crafted.pth')
    with pytest.raises(pickle.UnpicklingError, match='eval'):
        CheckpointLoader.load_checkpoint(f'{url}/crafted.pth', 'cpu')


@pytest.mark.parametrize('safe', [True, False])
def test_a_torch_that_runs_what_a_checkpoint_says_is_told(monkeypatch, safe):
    import mmengine.runner.checkpoint as module

    monkeypatch.setattr(weights_only, 'HAS_SAFE_GLOBALS', safe)
    monkeypatch.setattr(torch.serialization, 'add_safe_globals', lambda _: None, raising=False)
    monkeypatch.setattr(module, 'load_url', module.load_url)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        repairs._allow_mmengine_checkpoints(module)
    told = [str(warning.message) for warning in caught if 'runs whatever' in str(warning.message)]
    assert len(told) == (0 if safe else 1)


# ------------------------------------------------------------------------ names and modules


def test_numpy_names_that_mmaction_uses():
    # getattr, or the linter would rewrite the old names
    assert np.isnan(getattr(np, 'NAN')) and getattr(np, 'Inf') == np.inf  # noqa: B009
    assert getattr(np, 'trapz')([1.0, 3.0]) == 2.0  # noqa: B009
    assert getattr(np, 'in1d')([1, 5], [5]).tolist() == [False, True]  # noqa: B009


def test_mmaction_models_import_and_drn_says_that_it_is_missing():
    from mmaction.models import DRN, BBoxHeadAVA

    assert BBoxHeadAVA.__module__.startswith('mmaction')
    with pytest.raises(ImportError, match='install mmaction2 from source|Install mmaction2'):
        DRN()


def test_mmaction_models_import_beside_a_transformers_without_the_names_of_vindlu(tmp_path):
    (tmp_path / 'transformers').mkdir()
    # torch 2.1 looks for this one class
    text = 'from types import SimpleNamespace\n'
    text += 'configuration_utils = SimpleNamespace(PretrainedConfig=type("P", (), {}))\n'
    (tmp_path / 'transformers' / '__init__.py').write_text(text, encoding='utf-8')
    (tmp_path / 'transformers' / 'modeling_utils.py').write_text('', encoding='utf-8')
    info = tmp_path / 'transformers-5.17.0.dist-info'
    info.mkdir()
    text = 'Metadata-Version: 2.1\nName: transformers\nVersion: 5.17.0\n'
    (info / 'METADATA').write_text(text, encoding='utf-8')
    code = (
        'import mmlt, mmaction.utils.dependency as found\n'
        'assert found.satisfy_requirement("transformers>=4.28.0")\n'
        'from mmaction.registry import MODELS\n'
        'import mmaction.models\n'
        'try:\n'
        '    MODELS.build(dict(type="VindLUVQA"))\n'
        'except ImportError as error:\n'
        '    assert "multi-modal" in str(error), error\n'
        'else:\n'
        '    raise AssertionError("VindLU was built")\n'
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    subprocess.run([sys.executable, '-c', code], check=True, env={**os.environ, 'PYTHONPATH': path})


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_features_with_float32_boxes(dtype):
    from mmaction.models import SingleRoIExtractor3D

    extractor = SingleRoIExtractor3D('RoIAlign', featmap_stride=8, output_size=4)
    feat = torch.randn(2, 3, 1, 8, 12, generator=torch.Generator().manual_seed(0)).to(dtype)
    rois = torch.tensor([[0, 1.0, 2.0, 60.0, 50.0], [1, 10.5, 5.0, 90.0, 63.0]])
    roi_feats, _ = extractor(feat, rois)
    expected, _ = extractor(feat.float(), rois)
    assert roi_feats.dtype == torch.float32
    assert torch.equal(roi_feats, expected)
    # what the repair is for
    with pytest.raises(RuntimeError, match='expected scalar type|not implemented'):
        extractor.roi_layer(feat[:, :, 0], rois)


def _reference_hue_of_numpy_1(img, factor):
    """What numpy 1 makes of mmaction2's lines: hues in degrees / 2, turned by whole steps."""
    hsv = cv2.cvtColor(img, cv2.COLOR_RGB2HSV)
    hues = [[(int(hue) + int(factor * 255)) % 180 for hue in row] for row in hsv[..., 0]]
    hsv[..., 0] = hues
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)


@pytest.mark.parametrize('factor', [-0.5, -0.1, -0.001, 0, 0.1, 0.29])
def test_hues_turn_either_way(factor):
    from mmaction.datasets.transforms import ColorJitter

    img = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    expected = _reference_hue_of_numpy_1(img, factor)
    assert np.array_equal(ColorJitter.adjust_hue(img, factor), expected)
    assert np.array_equal(ColorJitter.adjust_hue(img.astype(np.float32), factor), expected)


def test_colour_jitter_runs_with_any_hue():
    from mmaction.datasets.transforms import ColorJitter

    imgs = [np.full((4, 4, 3), value, np.uint8) for value in (0, 100, 255)]
    for hue in (-0.1, 0.1):
        jitter = ColorJitter(brightness=0.5, contrast=0.5, saturation=0.5, hue=(hue, hue))
        assert [img.dtype for img in jitter(dict(imgs=list(imgs)))['imgs']] == [np.uint8] * 3


def test_import_touches_no_openmmlab_package():
    """What upstream mends is mended when somebody else imports it."""
    code = (
        'import sys, mmlt, mmlt.functional\n'
        'loaded = {module.split(".")[0] for module in sys.modules}\n'
        'assert not loaded & {"mmengine", "mmcv", "mmdet", "mmaction"}, loaded'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_repair_waits_for_the_module_and_runs_once(tmp_path, monkeypatch):
    (tmp_path / 'mmlt_probe_module.py').write_text('VALUE = 1\n', encoding='utf-8')
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = []
    upstream.when_imported('mmlt_probe_module', lambda module: seen.append(module.VALUE))
    assert seen == []
    import mmlt_probe_module  # noqa: F401

    assert seen == [1]
    upstream.when_imported('mmlt_probe_module', lambda module: seen.append(2))
    assert seen == [1, 2]
    monkeypatch.delitem(sys.modules, 'mmlt_probe_module')


def test_apply_is_idempotent():
    before = list(sys.meta_path)
    upstream.apply()
    assert sys.meta_path == before


# --------------------------------------------------------------------------------- versions


@pytest.mark.parametrize(
    'package, version, accepted',
    [
        ('mmcv', '2.1.0', True),
        ('mmcv', '2.2.0', False),
        ('mmengine', '0.9.1', False),
        ('torch', '2.13.0+cpu', True),
        ('torch', '1.13.1', False),
        ('numpy', '1.26.1', True),
        ('numpy', '1.26.0', False),
        ('numpy', '1.24.4', False),
        ('mmaction2', '0.24.1', False),
    ],
)
def test_version_ranges(monkeypatch, package, version, accepted):
    real = metadata.version
    monkeypatch.setattr(metadata, 'version', lambda p: version if p == package else real(p))
    if accepted:
        upstream.check_versions()
    else:
        with pytest.raises(ImportError, match=f'{package}==.*pip install'):
            upstream.check_versions()


def test_a_package_that_is_absent_passes(monkeypatch):
    def absent(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, 'version', absent)
    upstream.check_versions()


ENDS_AFTER_A_COLLECTIVE = """
import sys
import mmlt
import torch
import torch.distributed as dist
from mmengine.dist import init_dist
init_dist('pytorch', backend='gloo')
sys.setswitchinterval(1000)  # no thread gets in between: what a busy machine does now and then
for _ in range(300):
    dist.broadcast(torch.zeros(3), 0)
"""


@pytest.mark.dist
def test_ranks_that_end_right_after_a_collective_end_well(tmp_path):
    script = tmp_path / 'ends.py'
    script.write_text(ENDS_AFTER_A_COLLECTIVE, encoding='utf-8')
    launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    root = str(Path(upstream.__file__).parents[2])
    env = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, *launcher, str(script)]
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
