"""Which versions of the packages below mmlt it works with."""

from __future__ import annotations

import re
from importlib import metadata

# distribution: (lowest, below, what to install). None as upper end: nothing newer is refused.
SUPPORTED_VERSIONS = {
    'numpy': ('1.26.1', '3', 'numpy>=1.26.1,<3'),
    'torch': ('2.1', '3', 'torch>=2.1,<3'),
    'mmengine': ('0.10.0', '1.0.0', 'mmengine>=0.10.0,<1.0.0'),
    'mmcv': ('2.0.0', '2.2.0', 'mmcv>=2.0.0,<2.2.0'),
    'mmdet': ('3.2.0', '4.0.0', 'mmdet>=3.2.0,<4.0.0'),
    'mmaction2': ('1.2.0', '2.0.0', 'mmaction2>=1.2.0,<2.0.0'),
}


def _release(version):
    """The leading numbers of a version: '2.13.0+cpu' -> (2, 13, 0)."""
    match = re.match(r'\d+(\.\d+)*', version)
    return tuple(int(part) for part in match.group().split('.')) if match else ()


def check_versions():
    """Refuse an installed package outside :data:`SUPPORTED_VERSIONS`.

    A package that is not installed passes: ``mmlt.functional`` needs numpy, torch and pyarrow only.

    Raises:
        ImportError: names the package, its version and the command that mends it.
    """
    for package, (lowest, below, requirement) in SUPPORTED_VERSIONS.items():
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        if not _release(lowest) <= _release(version) < _release(below):
            raise ImportError(
                f'mmlt needs {requirement}, but {package}=={version} is installed. '
                f"Install it with: pip install '{requirement}'"
            )
