"""What pip and setuptools make of the source tree, and what ``make`` does and does not repeat."""

from __future__ import annotations

import email
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
MIM_FILES = ('configs', 'model-index.yml', 'tools')
# no network, no build environment, and no state of the machine's other installs
PIP_ENV = {
    **os.environ,
    'PIP_DISABLE_PIP_VERSION_CHECK': '1',
    'PIP_NO_BUILD_ISOLATION': '0',  # pip reads "0" as: no isolation
    'PIP_NO_INDEX': '1',
    'PIP_NO_DEPS': '1',
}
SOURCE_FOLDERS = ('.ci', 'configs', 'mmlt', 'tests', 'tools')


def _run(*command, cwd, **kwargs):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **{'env': PIP_ENV, **kwargs},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _source_files():
    """The files a clone would hold: what git tracks or would add; without git, a good guess."""
    if (ROOT / '.git').exists() and shutil.which('git'):
        listed = _run('git', 'ls-files', '-co', '--exclude-standard', '-z', cwd=ROOT)
        return [Path(name) for name in listed.split('\0') if name and (ROOT / name).is_file()]
    paths = [*ROOT.iterdir(), *(path for top in SOURCE_FOLDERS for path in (ROOT / top).rglob('*'))]
    relative = (path.relative_to(ROOT) for path in paths if path.is_file())
    return [path for path in relative if not {'__pycache__', '.mim'} & {*path.parts}]


def _copy_source(target):
    for path in _source_files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path)
    return target


@pytest.fixture
def source(tmp_path):
    return _copy_source(tmp_path / 'source')


def _build_wheel(source, out):
    _run(sys.executable, '-m', 'pip', 'wheel', '-w', out, source, cwd=out.parent)
    (wheel,) = out.glob('mmlt-*.whl')
    return wheel


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    with zipfile.ZipFile(_build_wheel(_copy_source(folder / 'source'), folder / 'out')) as archive:
        yield archive


def _requirements(wheel, extra=None):
    """Names of what the wheel needs, plainly or for one extra."""
    (name,) = (name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    lines = email.message_from_string(wheel.read(name).decode()).get_all('Requires-Dist')
    marked = {line: line.partition(';')[2] for line in lines}
    wanted = [line for line, marker in marked.items() if (extra or 'extra') in marker]
    chosen = wanted if extra else [line for line in lines if line not in wanted]
    return {
        line.replace('>', ' ').replace('<', ' ').replace(';', ' ').split()[0] for line in chosen
    }


# ----------------------------------------------------------------------------------- the wheel


def test_wheel_holds_the_package_and_what_mim_looks_for(wheel):
    names = {name for name in wheel.namelist() if not name.endswith('/')}
    package = {path for path in _source_files() if path.parts[0] == 'mmlt'}
    for_mim = {path for path in _source_files() if path.parts[0] in MIM_FILES}
    expected = {path.as_posix() for path in package}
    expected |= {f'mmlt/.mim/{path.as_posix()}' for path in for_mim}
    outside = {name for name in names if not name.startswith('mmlt/')}
    assert names - outside == expected
    assert all(name.split('/')[0].endswith('.dist-info') for name in outside)
    assert 'LICENSE' in {Path(name).name for name in outside}


def test_wheel_holds_copies_and_keeps_the_scripts_executable(wheel):
    for path in _source_files():
        if path.parts[0] in MIM_FILES:
            info = wheel.getinfo(f'mmlt/.mim/{path.as_posix()}')
            assert wheel.read(info) == (ROOT / path).read_bytes()
            if path.suffix == '.sh':
                assert info.external_attr >> 16 & stat.S_IXUSR, path


def test_wheel_does_not_ask_for_the_packages_that_must_be_built(wheel):
    openmmlab = {'mmcv', 'mmdet', 'mmaction2'}
    assert _requirements(wheel, extra='mim') == openmmlab
    plain = _requirements(wheel)
    assert {'mmengine', 'numpy', 'pyarrow', 'torch'} <= plain
    assert not openmmlab & plain


def test_existing_environment_needs_nothing_but_mmlt(source):
    env = {**PIP_ENV, 'PIP_NO_DEPS': '0'}  # without an index, anything that is missing is an error
    out = _run(sys.executable, '-m', 'pip', 'install', '--dry-run', source, cwd=source, env=env)
    (would_install,) = (line for line in out.splitlines() if line.startswith('Would install'))
    assert would_install.split()[2:] == [f'mmlt-{_version()}']


def _version():
    scope = {}
    exec((ROOT / 'mmlt' / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


# ----------------------------------------------------------------- sdist, editable, second builds


def test_sdist_builds_the_same_wheel(source, wheel, tmp_path):
    build = "from setuptools import build_meta as b; b.build_sdist('../sdist')"
    _run(sys.executable, '-c', build, cwd=source)
    (sdist,) = (tmp_path / 'sdist').glob('mmlt-*.tar.gz')
    with tarfile.open(sdist) as archive:
        top = {Path(name).parts[1] for name in archive.getnames() if len(Path(name).parts) > 1}
    assert 'tests' not in top
    with zipfile.ZipFile(_build_wheel(sdist, tmp_path / 'out')) as from_sdist:
        assert sorted(from_sdist.namelist()) == sorted(wheel.namelist())


def test_second_build_forgets_a_file_that_is_gone(source, tmp_path):
    (source / 'configs' / 'old_config.py').write_text('a = 1\n', encoding='utf-8')
    with zipfile.ZipFile(_build_wheel(source, tmp_path / 'first')) as first:
        assert 'mmlt/.mim/configs/old_config.py' in first.namelist()
    (source / 'configs' / 'old_config.py').unlink()
    with zipfile.ZipFile(_build_wheel(source, tmp_path / 'second')) as second:
        assert 'mmlt/.mim/configs/old_config.py' not in second.namelist()


def _assert_links(source):
    mim = source / 'mmlt' / '.mim'
    assert sorted(path.name for path in mim.iterdir()) == sorted(MIM_FILES)
    for name in MIM_FILES:
        assert not os.path.isabs(os.readlink(mim / name))  # the checkout may be moved
        assert (mim / name).samefile(source / name)


def _location_of_mmlt(site, cwd):
    """Where a fresh interpreter finds mmlt, with ``site`` as its only site-packages folder."""
    find = (
        f'import site, importlib.util as u; site.addsitedir({str(site)!r});'
        "print(u.find_spec('mmlt').origin)"
    )
    return Path(_run(sys.executable, '-E', '-S', '-c', find, cwd=cwd).strip())


def test_editable_installs_link_into_the_checkout_and_not_into_a_wheel(source, wheel, tmp_path):
    site = tmp_path / 'site'
    for _ in range(2):
        shutil.rmtree(site, ignore_errors=True)
        _run(sys.executable, '-m', 'pip', 'install', '--target', site, '-e', source, cwd=tmp_path)
        _assert_links(source)
        assert _location_of_mmlt(site, tmp_path) == source / 'mmlt' / '__init__.py'
    with zipfile.ZipFile(_build_wheel(source, tmp_path / 'out')) as later:
        assert sorted(later.namelist()) == sorted(wheel.namelist())
        assert not any(stat.S_ISLNK(info.external_attr >> 16) for info in later.infolist())


def test_develop_links_into_the_checkout(source, tmp_path):
    site = tmp_path / 'site'
    site.mkdir()
    env = {**PIP_ENV, 'PYTHONPATH': str(site)}  # setuptools < 80 insists that it is on the path
    _run(sys.executable, 'setup.py', 'develop', '--install-dir', site, cwd=source, env=env)
    _assert_links(source)
    assert _location_of_mmlt(site, tmp_path) == source / 'mmlt' / '__init__.py'


# --------------------------------------------------------------------------------- model index


def test_model_index_imports_every_metafile_and_readme():
    imported = yaml.safe_load((ROOT / 'model-index.yml').read_text(encoding='utf-8'))['Import']
    metafiles = sorted(path.relative_to(ROOT) for path in ROOT.glob('configs/*/metafile.yml'))
    assert [Path(name) for name in imported] == metafiles
    for path in metafiles:
        content = yaml.safe_load((ROOT / path).read_text(encoding='utf-8'))
        for collection in content['Collections']:
            assert (ROOT / collection['README']).is_file()


# ----------------------------------------------------------------------------- make and launchers

FAKE_PYTHON = """#!/bin/sh
# `python -m venv DIR` makes a copy of itself there; every call but that for its version is recorded
[ "$*" = -V ] && echo "Python ${VERSION:-3.11.7}" && exit
echo "$0 $*" >> "$CALLS"
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *"cache dir"*) echo /cache ;;
    *"torch.__version__"*) echo 9.9 ;;
    *"import cv2"*) [ -z "$NO_LIBGL" ] ;;
esac
"""


@pytest.fixture
def make(source, tmp_path):
    """Runs make in a copy of the checkout, with a Python that only records; returns the calls."""
    fake, calls = tmp_path / 'python', tmp_path / 'calls'
    fake.write_text(FAKE_PYTHON, encoding='utf-8')
    fake.chmod(0o755)
    env = {'PATH': os.environ['PATH'], 'CALLS': str(calls)}

    def run(*arguments, **variables):
        calls.write_text('', encoding='utf-8')
        _run('make', f'PYTHON={fake}', *arguments, cwd=source, env={**env, **variables})
        return [' '.join(line.split()) for line in calls.read_text(encoding='utf-8').splitlines()]

    return run


def test_make_builds_each_environment_once(make):
    assert any(' mmcv' in call for call in make('env'))
    assert make('env') == []
    first = make('mim-env')
    assert first
    assert first[0] == '.venv/bin/python -m venv .venv-mim'
    assert all(call.startswith('.venv-mim/') for call in first[1:])
    assert make('env', 'mim-env') == []
    (pytest_call,) = make('test')
    assert pytest_call == '.venv/bin/python -m pytest -n 2 --dist loadfile'
    (site_call,) = make('docs')
    assert site_call.startswith('.venv/bin/python -m sphinx ')


def test_make_installs_mmlt_again_when_its_requirements_may_have_changed(make, source):
    make('env')
    soon = time.time() + 10
    os.utime(source / 'setup.py', (soon, soon))
    calls = make('env')
    assert len(calls) == 1
    assert '-e .[docs,report,tests]' in calls[0]


def test_make_changes_torch_when_told_and_only_then(make, source):
    lines = (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    (default,) = (line for line in lines if line.startswith('torch=='))
    constraints = source / '.venv' / 'constraints.txt'
    assert any(default in call for call in make('env'))
    calls = make('env', 'TORCH=torch==2.4.1', 'PIP_ARGS=--extra-index-url https://example.org/cpu')
    installs = [call for call in calls if 'pip install' in call]
    assert installs
    assert all('--extra-index-url https://example.org/cpu' in call for call in installs)
    assert any(' torch==2.4.1 ' in call for call in installs)
    assert any('--force-reinstall' in call and call.endswith(' mmcv') for call in installs)
    assert 'torch==2.4.1\n' in constraints.read_text(encoding='utf-8')
    assert make('env') == []  # the choice stays without being repeated
    assert make('env', 'TORCH=torch==2.4.1') == []
    assert any(default in call for call in make('env', f'TORCH={default}'))


def _installed(calls, package):
    """The version that pip is asked for."""
    (version,) = {
        word for call in calls for word in call.split() if word.startswith(f'{package}==')
    }
    return version.partition('==')[2]


def _pinned(path, package):
    lines = path.read_text(encoding='utf-8').splitlines()
    (version,) = (line.partition('==')[2] for line in lines if line.startswith(f'{package}=='))
    return version


@pytest.mark.parametrize(
    ('version', 'name'),
    [
        ('3.9.18', 'constraints-py310.txt'),
        ('3.10.13', 'constraints-py310.txt'),
        ('3.11.7', 'constraints.txt'),
        ('3.12.1', 'constraints.txt'),
    ],
)
def test_make_takes_the_versions_for_its_python(make, source, version, name):
    calls = make('env', VERSION=version)
    assert _installed(calls, 'torch') == _pinned(ROOT / name, 'torch')
    assert (source / '.venv' / 'constraints.txt').read_text() == (ROOT / name).read_text()
    assert make('env', VERSION=version) == []


def test_make_remembers_the_versions_it_was_told(make, source):
    shutil.copy2(source / 'constraints-py310.txt', source / 'mine.txt')
    old = _pinned(source / 'mine.txt', 'torch')
    assert _installed(make('env', 'CONSTRAINTS=mine.txt'), 'torch') == old
    assert make('env') == []
    assert _pinned(source / '.venv' / 'constraints.txt', 'torch') == old
    new = _pinned(source / 'constraints.txt', 'torch')
    assert _installed(make('env', 'CONSTRAINTS=constraints.txt'), 'torch') == new


def test_make_forgets_the_torch_when_other_versions_are_named_without_one(make, source):
    (old, new), venv = ('constraints-py310.txt', 'constraints.txt'), source / '.venv'
    assert _installed(make('env', f'CONSTRAINTS={old}', 'TORCH=torch==2.4.1'), 'torch') == '2.4.1'
    assert make('env') == []
    assert 'torch==2.4.1\n' in (venv / 'constraints.txt').read_text()
    assert _installed(make('env', f'CONSTRAINTS={new}'), 'torch') == _pinned(source / new, 'torch')
    assert (venv / 'constraints.txt').read_text() == (source / new).read_text()
    assert make('env') == []  # for good
    assert (venv / 'constraints.txt').read_text() == (source / new).read_text()
    both = make('env', TORCH='torch==2.4.1', CONSTRAINTS=old)  # of the shell's environment
    assert _installed(both, 'torch') == '2.4.1'
    assert make('env', CONSTRAINTS=old) != []
    assert _pinned(venv / 'constraints.txt', 'torch') == _pinned(source / old, 'torch')


def test_make_forgets_versions_that_are_in_no_file(make):
    make('env')
    with pytest.raises(AssertionError, match=r'no\.txt'):
        make('env', 'CONSTRAINTS=no.txt')
    assert make('env') == []


def test_make_says_that_an_environment_keeps_its_python(make, source):
    make('env')
    python = source / '.venv' / 'bin' / 'python'
    python.write_text(python.read_text().replace('3.11.7', '3.12.1'), encoding='utf-8')
    with pytest.raises(AssertionError, match=r'\.venv has Python 3\.12\.1, .* is Python 3\.11'):
        make('env')


def test_both_files_pin_the_same_packages_of_openmmlab():
    for package in ('mmcv', 'mmengine', 'mmdet', 'mmaction2', 'openmim', 'ruff'):
        old, new = (ROOT / name for name in ('constraints-py310.txt', 'constraints.txt'))
        assert _pinned(old, package) == _pinned(new, package)


def test_the_older_file_holds_the_lowest_versions_that_mmlt_takes(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    lines = email.message_from_string(wheel.read(name).decode()).get_all('Requires-Dist')
    for package in ('matplotlib', 'pyarrow', 'rich'):
        line = next(line for line in lines if line.startswith(package) and '>=' in line)
        lowest = line.partition(';')[0].partition('>=')[2].strip()
        assert _pinned(ROOT / 'constraints-py310.txt', package).startswith(lowest), package


def test_make_takes_another_opencv_where_libgl_is_missing(make):
    headless = 'pip install --disable-pip-version-check --no-deps --force-reinstall opencv-contrib-'
    assert [call for call in make('env', NO_LIBGL='1') if headless in call]
    assert not [call for call in make('env', 'VENV=other') if headless in call]


def test_make_keeps_the_mmcv_built_for_another_torch_apart(make):
    (call,) = (call for call in make('env') if call.endswith(' mmcv') and '--no-deps' in call)
    assert '--cache-dir /cache/mmcv-for-torch-9.9 ' in call


@pytest.mark.parametrize(
    ('script', 'arguments', 'python_arguments'),
    [
        ('train', ['c.py', '--seed', '1'], ['c.py', '--launcher', 'slurm', '--seed', '1']),
        ('test', ['c.py', 'a b.pth'], ['c.py', 'a b.pth', '--launcher', 'slurm']),
    ],
)
def test_slurm_scripts_call_srun(tmp_path, script, arguments, python_arguments):
    (tmp_path / 'srun').write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding='utf-8')
    (tmp_path / 'srun').chmod(0o755)
    env = {
        'PATH': f'{tmp_path}:{os.environ["PATH"]}',
        'GPUS': '2',
        'SRUN_ARGS': '--exclude node1',
        'PYTHON': 'python9',
    }
    tools = ROOT / 'tools'
    command = [tools / f'slurm_{script}.sh', 'part', 'job', *arguments]
    called = _run(*command, cwd=tmp_path, env=env).splitlines()
    at = called.index('python9')
    assert {'--partition=part', '--job-name=job', '--ntasks=2', '--gres=gpu:2'} < {*called[:at]}
    assert called[at - 2 : at] == ['--exclude', 'node1']
    assert called[at + 1 :] == ['-u', str(tools / f'{script}.py'), *python_arguments]


@pytest.mark.parametrize('status', [0, 3])
def test_ci_ends_with_the_summary_of_pytest(tmp_path, status):
    (tmp_path / '.ci').mkdir()
    shutil.copy2(ROOT / '.ci' / 'run', tmp_path / '.ci' / 'run')
    (tmp_path / 'tools' / 'data').mkdir(parents=True)
    summary = f'==== {status} failed, 2 passed in 1.00s ===='
    make = (
        f'echo "$CI $*"; echo "{summary}"; [ {status} = 0 ] || {{ echo oops >&2; exit {status}; }}'
    )
    programs = {'make': make, 'chromium': '', 'chromedriver': ''}
    programs['tools/data/get_street_film.sh'] = 'echo fetched'
    for name, content in programs.items():
        (tmp_path / name).write_text(f'#!/bin/sh\n{content}\n', encoding='utf-8')
        (tmp_path / name).chmod(0o755)
    env = {'PATH': f'{tmp_path}:{os.environ["PATH"]}'}
    done = subprocess.run(
        [str(tmp_path / '.ci' / 'run')], env=env, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == status
    assert done.stdout.splitlines()[0] == 'true test'
    assert done.stdout.splitlines()[-1] == summary
