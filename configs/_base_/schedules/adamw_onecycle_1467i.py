"""AdamW with one cycle over 1,467 updates: nine passes over the toy world with context.

2,600 keyframes, 16 an update: 163 updates a pass. Val is looked at after the last three passes.
"""

max_iters = 1467
max_lr = 0.004

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_begin=1141, val_interval=163)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=max_lr, weight_decay=1e-4),
    clip_grad=dict(max_norm=20, norm_type=2),
)
param_scheduler = dict(type='OneCycleLR', eta_max=max_lr, total_steps=max_iters, by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 2 ranks x 8 clips
