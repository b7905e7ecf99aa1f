"""SGD for 90,000 iterations at .00125 and 10,000 at a tenth (Zhang et al. 2019, section 3.3).

Momentum and weight decay are those of Wang et al. 2018 (non-local networks); the paper names none.
"""

max_iters = 100_000

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10_000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.00125, momentum=0.9, weight_decay=1e-4))
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=max_iters, by_epoch=False, milestones=[90_000], gamma=0.1
)
auto_scale_lr = dict(enable=False, base_batch_size=24)  # 8 GPUs x 3 clips
