"""AdamW with one cycle over 20 epochs: the toy clip sets' schedule, tested for shuffle bias."""

max_epochs = 20
max_lr = 0.004

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='mmlt.ShuffleBiasTestLoop', num_shuffles=5)

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
auto_scale_lr = dict(enable=False, base_batch_size=8)
