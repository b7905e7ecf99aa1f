"""The registries of scope ``mmlt``, each a child of mmengine's root registry of the same kind.

A config writes ``type='mmlt.AVALongTailMetric'`` and mmengine imports this module by itself, from
mmaction's scope and from mmdet's alike. (Children of mmaction's registries could not be seen from
``_scope_='mmdet'``, under which mmaction2 builds its AVA detectors.)
"""

from __future__ import annotations

from mmengine import registry as _root

DATASETS = _root.Registry(
    'dataset',
    scope='mmlt',
    parent=_root.DATASETS,
    locations=[
        'mmlt.datasets.ava_dataset',
        'mmlt.datasets.ava_kinetics_dataset',
        'mmlt.datasets.box_feature_dataset',
        'mmlt.datasets.cofinetune_dataset',
        'mmlt.datasets.proposal_dataset',
        'mmlt.datasets.videolt_dataset',
    ],
)
DATA_SAMPLERS = _root.Registry(
    'data sampler', scope='mmlt', parent=_root.DATA_SAMPLERS, locations=['mmlt.datasets.samplers']
)
TRANSFORMS = _root.Registry(
    'transform', scope='mmlt', parent=_root.TRANSFORMS, locations=['mmlt.datasets.transforms']
)
MODELS = _root.Registry('model', scope='mmlt', parent=_root.MODELS, locations=['mmlt.models'])
FUNCTIONS = _root.Registry(
    'function',
    scope='mmlt',
    parent=_root.FUNCTIONS,
    locations=['mmlt.datasets.cofinetune_dataset'],
)
RUNNERS = _root.Registry(
    'runner', scope='mmlt', parent=_root.RUNNERS, locations=['mmlt.engine.runner']
)
HOOKS = _root.Registry('hook', scope='mmlt', parent=_root.HOOKS, locations=['mmlt.engine'])
LOOPS = _root.Registry('loop', scope='mmlt', parent=_root.LOOPS, locations=['mmlt.engine'])
METRICS = _root.Registry(
    'metric', scope='mmlt', parent=_root.METRICS, locations=['mmlt.evaluation.metrics']
)
PARAM_SCHEDULERS = _root.Registry(
    'parameter scheduler',
    scope='mmlt',
    parent=_root.PARAM_SCHEDULERS,
    locations=['mmlt.engine.schedulers'],
)

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'FUNCTIONS',
    'HOOKS',
    'LOOPS',
    'METRICS',
    'MODELS',
    'PARAM_SCHEDULERS',
    'RUNNERS',
    'TRANSFORMS',
]
