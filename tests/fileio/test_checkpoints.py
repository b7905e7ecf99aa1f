from __future__ import annotations

import hashlib
import pickle
import re
import struct
import zipfile

import pytest
import torch

from mmlt.fileio.checkpoints import hash_file, naming_checkpoint


def _load(path):
    with naming_checkpoint(path):
        return torch.load(path, map_location='cpu', weights_only=True)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / 'good.pth'
    torch.save({'state_dict': {'w': torch.arange(5000.0)}}, path)
    return path


class _Code:
    def __reduce__(self):
        return (print, ('run',))


def test_a_good_file_is_read(good):
    assert _load(good)['state_dict']['w'].sum() == 5000 * 4999 / 2


@pytest.mark.parametrize('size', [0, 1, 100, 9000, -1])
def test_a_file_that_is_cut_off(good, size):
    good.write_bytes(good.read_bytes()[:size])
    with pytest.raises(
        ValueError, match=r'good\.pth: not a checkpoint that is safe .*, or cut off'
    ):
        _load(good)


@pytest.mark.parametrize(
    'content',
    [
        b'hello',
        b'{"a": 1}',
        '\u00e4\u00f6'.encode(),
        pickle.dumps(_Code()),
        pickle.dumps(5, protocol=2),
        b'\x80\x02',
    ],
)
def test_a_file_that_is_no_checkpoint(good, content, capsys):
    good.write_bytes(content)
    with pytest.raises(ValueError, match=r'good\.pth: not a checkpoint that is safe') as error:
        _load(good)
    assert '\n' not in str(error.value)
    assert capsys.readouterr().out == ''  # what the pickle says was not run


def test_the_name_that_was_refused_is_told(good):
    torch.save({'state_dict': {}, 'meta': _Code()}, good)
    with pytest.raises(ValueError) as error:
        _load(good)
    assert re.search(r'\(UnpicklingError: Unsupported .*\bprint\b', str(error.value))
    for boilerplate in ('\x1b', 'Weights only load failed', 'add_safe_globals', '\n'):
        assert boilerplate not in str(error.value)


@pytest.mark.parametrize(
    ('message', 'gist'),
    [
        ('', r'\(UnpicklingError: \)'),
        ('plain', r'\(UnpicklingError: plain\)'),
        ('first\nsecond', r'\(UnpicklingError: first\)'),
        ('a' * 10_000, r'\(UnpicklingError: a{300}\)'),
        (
            'Weights only load failed. Do \x1b[1mthis\x1b[0m\n\t(1) Trust it.\n\t(2) Or not.\n'
            '\tWeightsUnpickler error: Unsupported operand 66\n\nCheck the documentation.',
            r'\(UnpicklingError: Unsupported operand 66\)',
        ),
        (
            'Weights only load failed.\nx\nUnsupported GLOBAL \x1b[1ma.b\x1b[0m here. Please use',
            r'\(UnpicklingError: Unsupported GLOBAL a\.b here\)',
        ),
        ('Weights only load failed.', r'\(UnpicklingError: Weights only load failed\.\)'),
    ],
)
def test_the_gist_of_a_long_message(good, message, gist):
    with pytest.raises(ValueError, match=gist), naming_checkpoint(good):
        raise pickle.UnpicklingError(message)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.pth'):
        _load(tmp_path / 'gone.pth')


def test_whatever_is_raised_names_the_file(good):
    for error in (AttributeError('x'), OverflowError('x'), RecursionError('x')):
        with pytest.raises(ValueError, match=rf'good\.pth.*{type(error).__name__}'):
            with naming_checkpoint(good):
                raise error


def test_the_cause_can_be_seen(good):
    error = AttributeError('x')
    with pytest.raises(ValueError, match='AttributeError') as told, naming_checkpoint(good):
        raise error
    assert told.value.__cause__ is error


@pytest.mark.parametrize('kind', [MemoryError, torch.cuda.OutOfMemoryError])
def test_a_want_of_memory_is_no_fault_of_the_file(good, kind):
    with pytest.raises(kind, match='all of it is used'), naming_checkpoint(good):
        raise kind('all of it is used')
    # a file without checksums may ask for so much because a length in it is damaged
    torch.save({}, good, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r'good\.pth.*all of it is used'):
        with naming_checkpoint(good):
            raise kind('all of it is used')


def test_a_changed_weight_is_noticed(good):
    content = bytearray(good.read_bytes())
    place = content.index(torch.arange(1000.0, 1010.0).numpy().tobytes())
    content[place + 2] ^= 1
    good.write_bytes(content)
    assert torch.load(good)['state_dict']['w'].sum() != 5000 * 4999 / 2  # torch reads it
    with pytest.raises(ValueError, match=r'good\.pth.*another checksum'):
        _load(good)


def _without_checksums(path):
    """What torch writes under set_crc32_options(False): every checksum is 0."""
    with zipfile.ZipFile(path) as archive:
        checksums = {struct.pack('<I', info.CRC) for info in archive.infolist() if info.CRC}
    content = path.read_bytes()
    for checksum in checksums:
        content = content.replace(checksum, bytes(4))
    path.write_bytes(content)


def test_a_file_without_checksums_says_how_it_came_to_be(good):
    _without_checksums(good)
    assert torch.load(good)['state_dict']['w'].sum() == 5000 * 4999 / 2  # torch reads it
    with pytest.raises(ValueError, match=r'good\.pth.*no checksums.*set_crc32_options\(False\)'):
        _load(good)


def test_a_file_at_home_is_checked_too(good, monkeypatch):
    monkeypatch.setenv('HOME', str(good.parent))
    content = bytearray(good.read_bytes())
    content[content.index(torch.arange(1000.0, 1010.0).numpy().tobytes())] ^= 1
    good.write_bytes(content)
    with pytest.raises(ValueError, match='another checksum'), naming_checkpoint('~/good.pth'):
        pass


def test_a_file_of_the_time_before_checksums(good):
    torch.save({'state_dict': {'w': torch.ones(3)}}, good, _use_new_zipfile_serialization=False)
    assert _load(good)['state_dict']['w'].tolist() == [1, 1, 1]


@pytest.mark.parametrize('size', [0, 3, 1 << 20, (1 << 20) + 1])
def test_the_hash_is_that_of_the_whole_file(tmp_path, size):
    content = bytes(range(256)) * (size // 256) + b'abc'[: size % 256]
    (tmp_path / 'file').write_bytes(content)
    assert hash_file(tmp_path / 'file') == hashlib.sha256(content).hexdigest()
