"""mmlt: train and honestly judge video models whose classes are mostly rare.

Importing this package applies :mod:`mmlt.upstream`, the repairs of the OpenMMLab packages
below it, and nothing else. The parts register themselves when a config names them.
"""

from mmlt import upstream as _upstream
from mmlt.version import __version__

_upstream.apply()

__all__ = ['__version__']
