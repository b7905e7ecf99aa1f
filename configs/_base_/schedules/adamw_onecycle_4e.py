"""AdamW with one cycle over 4 epochs: the toy world's schedule."""

max_epochs = 4
max_lr = 0.004

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=max_lr, weight_decay=0.02),
    clip_grad=dict(max_norm=20, norm_type=2),
)
param_scheduler = dict(
    type='OneCycleLR',
    eta_max=max_lr,
    total_steps=max_epochs,
    by_epoch=True,
    convert_to_iter_based=True,
)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 2 ranks x 8 clips
