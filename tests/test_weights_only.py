"""Checkpoints are read without running them, on this torch and as on one before 2.6."""

from __future__ import annotations

import os
import pickle
import re
import tarfile
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OneCycleLR
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import CheckpointLoader
from torch import nn
from torch._utils import _rebuild_tensor_v2

from mmlt import weights_only
from mmlt.weights_only import load_weights_only, read_checkpoint, read_weights

ROADS = ['before 2.6'] + ['2.6'] * weights_only.HAS_SAFE_GLOBALS


@pytest.fixture(params=ROADS, autouse=True)
def road(request, monkeypatch):
    """The restricted pickle serves every torch; add_safe_globals is there from 2.6 on."""
    monkeypatch.setattr(weights_only, 'HAS_SAFE_GLOBALS', request.param == '2.6')


class Payload:
    """Pickles into a call of a function with arguments."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def _optimizer():
    return torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)


@pytest.mark.parametrize('zipped', [True, False])
def test_what_mmengine_keeps_in_a_checkpoint(tmp_path, zipped):
    hub = MessageHub('test_weights_only')
    for loss in (0.25, 0.75):
        hub.update_scalar('train/loss', loss)
    hub.update_info('count', np.int64(3))
    scheduler = OneCycleLR(_optimizer(), eta_max=0.2, total_steps=10)
    checkpoint = {
        'state_dict': nn.Linear(2, 2).state_dict(),
        'message_hub': hub.state_dict(),
        'param_schedulers': [scheduler.state_dict()],
        'seen': {1, 2},
        'kind': torch.bfloat16,
    }
    path = tmp_path / 'full.pth'
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    loaded = load_weights_only(path)
    assert torch.equal(loaded['state_dict']['weight'], checkpoint['state_dict']['weight'])
    assert (loaded['seen'], loaded['kind']) == ({1, 2}, torch.bfloat16)
    restored = MessageHub('test_weights_only_restored')
    restored.load_state_dict(loaded['message_hub'])
    assert restored.get_scalar('train/loss').mean() == 0.5
    assert restored.get_info('count') == 3
    fresh = OneCycleLR(_optimizer(), eta_max=0.2, total_steps=10)
    fresh.load_state_dict(loaded['param_schedulers'][0])
    assert fresh.get_last_value() == scheduler.get_last_value()


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize(
    'payload',
    [
        Payload(os.system, 'exit 1'),
        Payload(getattr, np.ndarray, 'tofile'),
        Payload(eval, '1'),
        Payload(print, 'ran'),
    ],
    ids=['os.system', 'getattr', 'eval', 'print'],
)
def test_code_is_refused(tmp_path, capsys, payload, zipped):
    path = tmp_path / 'crafted.pth'
    checkpoint = {'state_dict': {}, 'meta': payload}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    name = payload.call[0].__name__
    with pytest.raises(pickle.UnpicklingError, match=name):
        load_weights_only(path)
    with pytest.raises(ValueError, match=r'crafted\.pth: not a checkpoint that is safe to load'):
        read_checkpoint(path)
    assert 'ran' not in capsys.readouterr().out


_ONE_CYCLE = b'cmmengine.optim.scheduler.param_scheduler\nOneCycleParamScheduler\n'
_REBUILD = b'ctorch._utils\n_rebuild_tensor_v2\n'


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize(
    ('crafted', 'owner', 'name'),
    [
        # a state of (None, {name: value}), which pickle sets with setattr
        (_ONE_CYCLE + b'N}U\x0a_get_valuec_codecs\nencode\ns\x86b.',
         OneCycleParamScheduler, '_get_value'),
        (_ONE_CYCLE + b'}U\x0a_get_valueK\1sb.', OneCycleParamScheduler, '_get_value'),
        (_REBUILD + b'N}U\x0c__defaults__)s\x86b.', _rebuild_tensor_v2, '__defaults__'),
        (_REBUILD + b'}U\x04markK\1sb.', _rebuild_tensor_v2, 'mark'),
    ],
    ids=['class', 'class by dict', 'function', 'function by dict'],
)  # fmt: skip
def test_nothing_outside_of_the_file_is_changed(tmp_path, crafted, owner, name, zipped):
    path = tmp_path / 'crafted.pth'
    torch.save({}, path, _use_new_zipfile_serialization=zipped)
    crafted = b'\x80\x02' + crafted
    if zipped:
        with zipfile.ZipFile(path) as archive:
            files = {info.filename: archive.read(info) for info in archive.infolist()}
        with zipfile.ZipFile(path, 'w') as archive:
            for file, content in files.items():
                archive.writestr(file, crafted if file.endswith('data.pkl') else content)
    else:
        path.write_bytes(path.read_bytes().replace(pickle.dumps({}, 2), crafted))
        assert crafted in path.read_bytes()
    before = getattr(owner, name, 'nothing')
    with pytest.raises(pickle.UnpicklingError):
        load_weights_only(path)
    assert getattr(owner, name, 'nothing') is before
    with pytest.raises(ValueError, match=r'crafted\.pth: not a checkpoint that is safe to load'):
        read_checkpoint(path)


def test_dotted_names_lead_nowhere(tmp_path):
    path = tmp_path / 'dotted.pth'
    torch.save({}, path, _use_new_zipfile_serialization=False)
    head = path.read_bytes()
    # protocol 4: the name 'dtype.__class__' of module numpy
    crafted = b'\x80\x04\x8c\x05numpy\x8c\x0fdtype.__class__\x93.'
    path.write_bytes(head.replace(pickle.dumps({}, 2), crafted))
    assert crafted in path.read_bytes()
    with pytest.raises(pickle.UnpicklingError):
        load_weights_only(path)


def test_other_archives_are_refused(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / 'script.pth')
    (tmp_path / 'tensors').write_bytes(b'')
    with tarfile.open(tmp_path / 'tar.pth', 'w') as archive:
        archive.add(tmp_path / 'tensors', 'tensors')
    for name in ('script.pth', 'tar.pth'):
        with pytest.raises(pickle.UnpicklingError, match='TorchScript|tar file'):
            load_weights_only(tmp_path / name)
        with pytest.raises(ValueError, match=rf'{name}: not a checkpoint that is safe to load'):
            read_checkpoint(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.pth'):
        load_weights_only(tmp_path / 'gone.pth')


# ------------------------------------------------------------------------------- the weights


def _saved(path, content):
    torch.save(content, path)
    return str(path)


@pytest.mark.parametrize('wrap', [lambda state: {'state_dict': state}, lambda state: state])
def test_names_are_those_of_the_bare_model(tmp_path, wrap):
    model = nn.BatchNorm1d(2)
    state = nn.DataParallel(model).state_dict()
    assert set(state) == {f'module.{name}' for name in model.state_dict()}
    found = read_weights(_saved(tmp_path / 'a.pth', wrap(state)))
    assert list(found) == list(model.state_dict())
    assert all(torch.equal(found[name], value) for name, value in model.state_dict().items())


def test_the_versions_of_modules_stay(tmp_path):
    """By them a BatchNorm knows that a counter is missing by mistake, not by age."""
    state = nn.BatchNorm1d(2).state_dict()
    del state['num_batches_tracked']
    found = read_weights(_saved(tmp_path / 'a.pth', {'state_dict': state}))
    assert found._metadata['']['version'] == 2
    with pytest.raises(RuntimeError, match='num_batches_tracked'):
        nn.BatchNorm1d(2).load_state_dict(found)
    read_weights(_saved(tmp_path / 'b.pth', dict(state)))  # a plain dict has none


def test_nothing_in_a_file_is_run(tmp_path, capsys):
    path = _saved(tmp_path / 'a.pth', {'state_dict': {}, 'meta': Payload(print, 'ran')})
    with pytest.raises(ValueError, match=r'a\.pth: not a checkpoint that is safe to load'):
        read_weights(path)
    assert 'ran' not in capsys.readouterr().out


def test_an_address_is_left_to_mmengine(monkeypatch):
    asked = []

    def load(address, map_location):
        asked.append((address, map_location))
        return {'state_dict': OrderedDict(w=torch.ones(2))}

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', load)
    assert read_weights('https://host/a.pth')['w'].tolist() == [1, 1]
    assert asked == [('https://host/a.pth', 'cpu')]


@pytest.mark.parametrize(
    'content',
    [{}, {'state_dict': {}}, {'state_dict': [1]}, {'state_dict': {1: torch.ones(1)}}, [1], 3],
)
def test_a_file_without_weights(tmp_path, content):
    path = _saved(tmp_path / 'a.pth', content)
    with pytest.raises(ValueError, match=re.escape(f'{path} is a checkpoint of another layout')):
        read_weights(path)
