"""A thousand cases of ``run.py``, and that it would see a reader that is not strict."""

from __future__ import annotations

import os
import pickle
import warnings
from functools import partial

import pytest
import torch
from binary_kinds import binary_kinds
from mmengine.logging import HistoryBuffer
from run import check_case, make_case, run_kind
from text_kinds import AVA_KINDS, TEXT_KINDS
from torch._utils import _rebuild_tensor_v2
from watch import nothing_done

CASES_OF_A_KIND = 45
BINARY_NAMES = (
    ['frame features', *(f'boxes: {name}' for name in ('index.json', 'keyframes.npy', 'meta.json'))]
    + [f'boxes: {name}.npy' for name in ('features', 'labels', 'rows')]
    + [f'bank: {name}' for name in ('index.json', 'keyframes.npy', 'meta.json', 'persons.npy')]
    + ['bank: shard_00000.npy', 'proposals', 'detections', 'detections of others']
    + ['checkpoint', 'pickle in checkpoint', 'old checkpoint']
)


@pytest.fixture(scope='module')
def kinds(tmp_path_factory):
    found = [*TEXT_KINDS, *binary_kinds(tmp_path_factory.mktemp('kinds'))]
    return {kind.name: kind for kind in found}


def test_every_kind_is_named_here_and_a_thousand_cases_are_run(kinds):
    assert list(kinds) == [*(kind.name for kind in TEXT_KINDS), *BINARY_NAMES]
    assert len(kinds) * CASES_OF_A_KIND >= 1000


@pytest.mark.parametrize('name', [*(kind.name for kind in TEXT_KINDS), *BINARY_NAMES])
def test_readers_and_references_agree(kinds, name, tmp_path):
    _, failures = run_kind(kinds[name], 0, range(CASES_OF_A_KIND), tmp_path)
    assert not failures, '\n'.join(failures)


@pytest.mark.parametrize('name', [*(kind.name for kind in TEXT_KINDS), *BINARY_NAMES])
def test_good_files_are_read(kinds, name, tmp_path):
    kind = kinds[name]
    read = [check_case(kind, base, kind.wrap(base), tmp_path) for base in kind.bases]
    refused = {'frame features': 1, 'proposals': 3, 'pickle in checkpoint': 1, 'old checkpoint': 1}
    assert read.count(False) == refused.get(name, 0)  # what has objects in it, or runs something
    assert not (tmp_path / 'harm').exists()


def test_a_case_is_made_of_seed_kind_and_number_alone(kinds):
    kind = kinds['ava csv']
    cases = [make_case(0, kind, number) for number in range(20)]
    assert cases == [make_case(0, kind, number) for number in range(20)]
    assert len(set(cases)) > 15
    assert cases != [make_case(1, kind, number) for number in range(20)]


def _failures(read, tmp_path, **changes):
    kind = AVA_KINDS[0]._replace(read=partial(read, AVA_KINDS[0].read), **changes)
    return '\n'.join(run_kind(kind, 0, range(40), tmp_path)[1])


def test_a_reader_that_is_not_strict_is_seen(tmp_path):
    def lenient(read, path):
        try:
            return read(path)
        except ValueError:
            return []

    def wrong(read, path):
        return [(*row[:4], 0.5) for row in read(path)]

    def raising(read, path):
        raise OverflowError(path)

    def silent_about_the_file(read, path):
        raise ValueError('something is wrong in line 3')

    def silent_about_the_files_name(read, path):
        try:
            return read(path)
        except ValueError as error:
            raise ValueError(str(error).replace(f'/{path.name}', '')) from None

    def warning(read, path):
        warnings.warn('odd', stacklevel=2)
        return read(path)

    def writing(read, path):
        (path.parent / 'harm').write_text('x')
        return read(path)

    for read, message in (
        (lenient, 'read what the reference refuses'),
        (wrong, 'where the reference has'),
        (raising, 'OverflowError'),
        (silent_about_the_file, 'the file is not named'),
        (silent_about_the_files_name, 'the file is not named'),
        (warning, 'UserWarning: odd'),
        (writing, 'it did ["open('),
    ):
        assert message in _failures(read, tmp_path), read.__name__
    assert 'no place' in _failures(lambda read, path: read(path), tmp_path, place='nowhere')


@pytest.mark.parametrize(
    ('event', 'deed'),
    [
        ('os.system', lambda folder: os.system('true')),
        ('exec', lambda folder: eval('1')),
        ('open', lambda folder: os.close(os.open(folder / 'new', os.O_CREAT | os.O_WRONLY))),
        ('open', lambda folder: (folder / 'new').write_text('x')),
        ('os.symlink', lambda folder: (folder / 'new').symlink_to(folder)),
        ('os.link', lambda folder: os.link(folder / 'old', folder / 'new')),
        ('os.truncate', lambda folder: os.truncate(folder / 'old', 0)),
        ('os.chmod', lambda folder: os.chmod(folder / 'old', 0o600)),
        ('os.remove', lambda folder: os.remove(folder / 'old')),
        ('pickle.find_class', lambda folder: pickle.loads(b'cos\nsystem\n.')),
    ],
)
def test_a_deed_is_seen(tmp_path, event, deed):
    (tmp_path / 'old').write_text('x')
    with pytest.raises(AssertionError, match=rf'it did .*{event}'), nothing_done():
        deed(tmp_path)


@pytest.mark.parametrize(
    ('owner', 'name', 'value'),
    [
        (torch.Tensor, '_mark', 1),
        (HistoryBuffer, 'mean', print),
        (HistoryBuffer.mean, '__defaults__', (1,)),
        (_rebuild_tensor_v2, '__defaults__', ()),
        (_rebuild_tensor_v2, 'mark', 1),
    ],
)
def test_a_change_of_what_a_checkpoint_may_name_is_seen(monkeypatch, owner, name, value):
    with pytest.raises(AssertionError, match=f'a change of .*{name}'):
        with monkeypatch.context() as patch, nothing_done(may_unpickle=True):
            patch.setattr(owner, name, value, raising=False)
    with nothing_done(may_unpickle=True):
        pickle.loads(b'cos\nsystem\n.')
