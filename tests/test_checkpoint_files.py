"""Weights are read the same way by all who load them, and never by running the file."""

from __future__ import annotations

import re
from collections import OrderedDict

import pytest
import torch
from mmengine.runner import CheckpointLoader
from torch import nn

from mmlt.checkpoint_files import read_weights


class Payload:
    """Unpickles into a call of print."""

    def __reduce__(self):
        return print, ('ran',)


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
    path = _saved(tmp_path / 'a.pth', {'state_dict': {}, 'meta': Payload()})
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
