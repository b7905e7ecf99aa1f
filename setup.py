"""Packaging. ``mmlt/.mim`` holds the tools, configs and model index that ``mim`` looks for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.develop import develop
except ImportError:  # deprecated: since setuptools 80 it only calls `pip install -e`
    develop = None

ROOT = Path(__file__).resolve().parent
MIM_FILES = ('tools', 'configs', 'model-index.yml')


def add_mim_files(package_dir, *, link):
    """Put :data:`MIM_FILES` into ``package_dir/.mim``: links for a checkout, copies for a wheel."""
    mim_dir = Path(package_dir) / '.mim'
    if mim_dir.is_dir():
        shutil.rmtree(mim_dir)
    mim_dir.mkdir(parents=True)
    for name in MIM_FILES:
        source, target = ROOT / name, mim_dir / name
        if link and os.name == 'posix':
            target.symlink_to(os.path.relpath(source, mim_dir))
        elif source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
        else:
            shutil.copy(source, target)


class BuildPyWithMim(build_py):
    """Serves wheels (``pip install .``, sdists) and, in editable mode, ``pip install -e .``.

    pip asks for an editable install by ``egg_info, dist_info, editable_wheel``; the last one runs
    this command with ``editable_mode`` set.
    """

    def run(self):
        super().run()
        if getattr(self, 'editable_mode', False):
            add_mim_files(ROOT / 'mmlt', link=True)
        else:
            add_mim_files(Path(self.build_lib) / 'mmlt', link=False)


cmdclass = {'build_py': BuildPyWithMim}
if develop is not None:

    class DevelopWithMim(develop):
        """Serves ``python setup.py develop``, which does not run ``build_py`` before 80."""

        def run(self):
            super().run()
            add_mim_files(ROOT / 'mmlt', link=True)

    cmdclass['develop'] = DevelopWithMim


def read_version():
    scope = {}
    exec((ROOT / 'mmlt' / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


setup(
    name='mmlt',
    version=read_version(),
    description='Train, and honestly judge, video models whose classes are mostly rare',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['mmlt', 'mmlt.*']),
    package_data={'mmlt': ['resources/*', 'evaluation/report/page.html']},
    python_requires='>=3.9',
    install_requires=[
        'importlib_metadata',  # mmaction2 imports it without declaring it
        'mmengine>=0.10.0,<1.0.0',
        'numpy>=1.26.1,<3',  # 1.26.0 cannot read arrays that numpy 2 pickled
        'pyarrow>=14.0.1',  # before it, reading a crafted Parquet file could run code
        'rich>=13.4',
        'torch>=2.1,<3',
    ],
    extras_require={
        # mmcv builds against the installed torch: `pip install .` must not start that build
        'mim': ['mmcv>=2.0.0,<2.2.0', 'mmdet>=3.2.0,<4.0.0', 'mmaction2>=1.2.0,<2.0.0'],
        'docs': ['furo', 'latex2mathml', 'myst-parser', 'sphinx>=7.4'],
        'report': ['matplotlib>=3.7'],
        'video': ['av>=14'],  # tools/data/prepare_videos.py: frames by their time stamps
        'tests': [
            'av>=14',
            'filelock',
            'hypothesis',
            'matplotlib',
            'psutil',
            'pytest',
            'pytest-timeout',
            'pytest-xdist',
            'ruff',
            'scipy',
            'selenium',
        ],
    },
    cmdclass=cmdclass,
    zip_safe=False,
)
