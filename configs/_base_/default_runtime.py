"""What every mmlt config shares: scope, hooks, environment, logging."""

default_scope = 'mmaction'
custom_imports = dict(imports=['mmlt'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    resume_state=dict(type='mmlt.ResumeStateHook'),  # here a config with custom_hooks keeps it
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),  # gloo where there is no CUDA
)
randomness = dict(seed=0)

log_processor = dict(
    type='LogProcessor',
    window_size=50,
    by_epoch=True,
    # The default averages every key with 'loss' or 'time' in it over the evaluations so far: the AP
    # of a class called 'flossing' too. Metrics have a slash in their keys, losses have none.
    mean_pattern=r'^[^/]*(loss|time|data_time|grad_norm)[^/]*$',
)
log_level = 'INFO'
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)

load_from = None
resume = False
