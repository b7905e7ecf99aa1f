import subprocess
import sys
from pathlib import Path

import pytest
from warm_python import PYTHON

PARTS = ('ava', 'clips', 'features', 'videos')  # without --parts
TOOL = Path(__file__).parents[3] / 'tools' / 'data' / 'make_toy_world.py'


def _run(*args):
    command = [PYTHON, str(TOOL), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*')}


def test_all_parts_then_nothing_then_a_refusal(tmp_path):
    args = ('--out', tmp_path / 'toy', '--scale', 0.02)
    first = _run(*args)
    assert first.returncode == 0, first.stderr
    assert sorted(p.name for p in (tmp_path / 'toy').iterdir()) == list(PARTS)
    told = [line.rpartition(': ')[0] for line in first.stderr.splitlines()]
    assert told == [f'toy world, {part}' for part in PARTS]  # each has begun to tell its count
    times = _times(tmp_path / 'toy')
    second = _run(*args)
    assert second.returncode == 0
    assert second.stdout.count('already there') == len(PARTS)
    refused = _run(*args, '--seed', 1)
    assert refused.returncode == 2
    assert 'seed=0 (asked: 1): pass --overwrite' in refused.stderr
    assert _times(tmp_path / 'toy') == times


def test_one_part_with_settings_of_its_own(tmp_path):
    settings = ('--set', 'clips_frames=6', 'clips_noise_std=.1')
    done = _run('--out', tmp_path, '--parts', 'clips', '--scale', 0.02, *settings)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ['clips']
    assert '"clips_frames": 6' in (tmp_path / 'clips' / 'world.json').read_text()


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('--set', 'noise=1'), "'noise=1': expected NAME=VALUE"),
        (('--set', 'noise_std=loud'), "'loud' is not a number or a tuple"),
        (('--scale', '2'), 'scale must be in (0, 1], got 2.0'),
        (('--set', "fps='x'"), "error: fps must be a whole number, got 'x'"),
        (('--set', 'keyframes_per_video=0'), 'error: keyframes_per_video must be at least 1'),
    ],
)
def test_bad_arguments_are_named(tmp_path, args, message):
    done = _run('--out', tmp_path / 'toy', *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / 'toy').exists()


def test_a_file_in_the_way_is_one_clear_line(tmp_path):
    (tmp_path / 'file').write_text('mine')
    done = _run('--out', tmp_path / 'file' / 'toy', '--parts', 'features', '--scale', 0.02)
    assert done.returncode == 2
    assert done.stderr.startswith('error: ')
    assert str(tmp_path / 'file') in done.stderr
    assert done.stderr.count('\n') == 1


def test_generation_does_not_import_mmaction2(tmp_path):
    code = (
        'import sys, mmlt.datasets.toy_world as toy\n'
        f'toy.make_feature_world({str(tmp_path / "f")!r}, toy.ToyWorldConfig(scale=0.02))\n'
        'sys.exit(any(m.split(".")[0] in ("mmaction", "mmdet", "torch") for m in sys.modules))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=TOOL.parents[2], check=False)
    assert done.returncode == 0
