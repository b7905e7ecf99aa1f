"""AdamW with one cycle over 628 updates: two passes over the toy's AVA set and clips of actors.

2,616 keyframes and 2,400 clips, 16 an update: 164 + 150 = 314 updates a pass. The weight decay is
that of the contrasts (configs/cofinetune/contrasts.json). Val is looked at after five sixths and at
the end.
"""

max_iters = 628
max_lr = 0.004

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_begin=523, val_interval=523)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=max_lr, weight_decay=1e-4),
    clip_grad=dict(max_norm=20, norm_type=2),
)
param_scheduler = dict(type='OneCycleLR', eta_max=max_lr, total_steps=max_iters, by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 2 ranks x 8 samples, of any data set
