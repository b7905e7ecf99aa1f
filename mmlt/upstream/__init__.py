"""Every repair of the OpenMMLab packages below mmlt, each with its cause.

:func:`apply` runs when mmlt is imported. It imports none of the packages it mends: a repair waits
until its module is imported by somebody (:func:`when_imported`), and does nothing where the package
is sound (a source install of mmaction2, numpy 1.26, an older torch, a machine with CUDA).
"""

from mmlt.upstream.repairs import apply
from mmlt.upstream.versions import SUPPORTED_VERSIONS, check_versions
from mmlt.upstream.when_imported import when_imported

__all__ = ['SUPPORTED_VERSIONS', 'apply', 'check_versions', 'when_imported']
