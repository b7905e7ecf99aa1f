from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numbered_videos import NTSC, write_video
from warm_python import PYTHON

from mmlt.fileio.video_table import read_video_table

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'data' / 'prepare_videos.py'
FAST = ('--num-workers', '1', '--no-persons')
KILLED = Path(__file__).parent / 'killed_preparation.py'
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('prepare_videos', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / 'videos'
    folder.mkdir()
    write_video(folder / 'a, b.mp4', np.arange(90) / float(NTSC), rate=NTSC, tick=1 / NTSC)
    write_video(folder / 'c.mp4', np.cumsum([0] + [0.1] * 20 + [0.5] * 4), rotation=90)
    write_video(folder / 'd.avi', np.arange(40) / 10, 'mpeg4', rate=10, tick=Fraction(1, 10), gop=5)
    write_video(folder / 'e.mkv', np.arange(10) / 10, pixel_aspect=Fraction(16, 11))
    return folder


def _content(folder):
    files = (path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _main(tool, videos, out, *options):
    return tool.main([str(videos), '--out', str(out), *FAST, *map(str, options)])


def test_summary(tool, videos, tmp_path, capsys):
    (videos / 'empty.mp4').touch()
    whole = (videos / 'd.avi').read_bytes()
    (videos / 'd.avi').write_bytes(whole[: len(whole) * 3 // 4])
    assert _main(tool, videos, tmp_path / 'out') == 3
    printed = capsys.readouterr().out
    lines = {line.split()[0]: line for line in printed.splitlines() if line}
    assert lines['video'].split() == ['video', 'seconds', 'rate', 'size', 'turned', 'frames']
    assert lines['a__b'].split()[:6] == ['a__b', '3.0', '29.97', '120x64', '-', '30']
    assert lines['a__b'].endswith("named after 'a, b.mp4'")
    # 25 frames in 4 s and as long as the last is taken to be
    assert ' on average' in lines['c'] and ' 64x120  90 ' in lines['c']
    assert 'the file is cut off: ' in lines['d'] and 's at its end are missing' in lines['d']
    assert lines['e'].endswith('players stretch it 1.45 times in width, which frames are not')
    assert 'left out: ' in lines['empty'] and 'the file is empty' in lines['empty']
    assert '10 frames a second: the median of 4 files (' in printed
    assert f'{tmp_path / "out" / "videos.json"}: 4 videos, ' in printed
    assert '1 could not be read: ' in printed
    (videos / 'empty.mp4').unlink()
    assert _main(tool, videos, tmp_path / 'out') == 0
    assert 'at 10 frames a second, 4 of them done before' in capsys.readouterr().out


def test_options(tool, videos, tmp_path):
    (videos / 'e.mkv').unlink()
    options = ('--fps', 5, '--segments', 2, '--short-side', 32, '--timestamp-start', 900)
    assert _main(tool, videos, tmp_path / 'out', *options) == 0
    table = read_video_table(tmp_path / 'out')
    assert (table.fps, table.timestamp_start) == (5, 900)
    assert list(table.videos) == ['a__b_1', 'a__b_2', 'c_1', 'c_2', 'd_1', 'd_2']
    assert _main(tool, videos, tmp_path / 'none', '--no-frames') == 0
    assert read_video_table(tmp_path / 'none').filename_tmpl is None


def test_wrong_input_is_told_in_a_line(tool, videos, tmp_path, capsys):
    (tmp_path / 'nothing').mkdir()
    assert _main(tool, tmp_path / 'nothing', tmp_path / 'out') == 2
    assert _main(tool, tmp_path / 'none', tmp_path / 'out') == 2
    assert _main(tool, videos, tmp_path / 'out') == 0
    assert _main(tool, videos, tmp_path / 'out', '--fps', 4) == 2
    errors = capsys.readouterr().err.splitlines()
    told = [line for line in errors if line.startswith('error: ')]
    assert 'nothing: no video file' in told[0]
    assert 'none: no such file or folder' in told[1]
    assert 'another fps: 10 in meta.json, 4 now; pass --overwrite' in told[2]
    assert _main(tool, videos, tmp_path / 'out', '--fps', 4, '--overwrite') == 0


@pytest.mark.parametrize(
    'options',
    [('--fps', '0'), ('--segments', '0'), ('--short-side', '8'), ('--timestamp-start', '-1')],
)
def test_wrong_options(tool, videos, tmp_path, options, capsys):
    with pytest.raises(SystemExit) as stop:
        _main(tool, videos, tmp_path / 'out', *options)
    assert stop.value.code == 2 and f'{options[0]} must be at least' in capsys.readouterr().err


def test_without_pyav(tool, videos, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    assert _main(tool, videos, tmp_path / 'out') == 2
    assert "pip install 'mmlt[video]'" in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.resume
@pytest.mark.parametrize('name', ['d_2', 'd_2.json', 'videos.json'])
def test_killed_and_started_again_is_as_if_it_had_not_been(videos, tmp_path, name):
    """Killed before the frames of a video, what says that it is done, or the table is in place."""
    (videos / 'e.mkv').unlink()  # too short
    arguments = [videos, '--segments', '2', *FAST, '--out']
    killed = [PYTHON, KILLED, name, *arguments, tmp_path / 'out']
    assert subprocess.run(killed, env=ENV, capture_output=True).returncode == -signal.SIGKILL
    assert not (tmp_path / 'out' / 'videos.json').exists()
    for out in ('out', 'fresh'):
        done = subprocess.run([PYTHON, TOOL, *arguments, tmp_path / out], env=ENV)
        assert done.returncode == 0
    assert _content(tmp_path / 'out') == _content(tmp_path / 'fresh')


@pytest.mark.resume
def test_killed_while_two_processes_write(videos, tmp_path):
    for name in 'fghi':
        shutil.copy(videos / 'd.avi', videos / f'{name}.avi')
    arguments = [videos, '--fps', '60', '--num-workers', '2', '--no-persons', '--out']
    out = tmp_path / 'out'
    run = subprocess.Popen([sys.executable, TOOL, *arguments, out], env=ENV, stderr=subprocess.PIPE)
    while not list(out.glob('prepare.parts/videos/*.json')):
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.01)
    run.kill()
    run.communicate()  # until the processes have ended too, which hold the stream open
    for folder in (out, tmp_path / 'fresh'):
        assert subprocess.run([sys.executable, TOOL, *arguments, folder], env=ENV).returncode == 0
    assert _content(out) == _content(tmp_path / 'fresh')


def test_what_was_made_of_other_frames_is_told(tool, videos, tmp_path, capsys):
    out = tmp_path / 'out'
    assert _main(tool, videos, out, '--fps', 10) == 0
    (out / 'annotations').mkdir()
    (out / 'proposals.pkl').touch()
    assert _main(tool, videos, out, '--fps', 10) == 0
    assert 'warning' not in capsys.readouterr().err
    for options in (('--fps', 5), ('--fps', 5, '--segments', 2)):
        _main(tool, videos, out, *options, '--overwrite')
        told = capsys.readouterr().err
        assert 'have changed' in told and f'{out}/annotations, {out}/proposals.pkl' in told
