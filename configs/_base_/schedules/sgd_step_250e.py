"""SGD for 250 epochs, learning rate .03 divided by 10 at every 100 epochs; shuffle-bias test."""

max_epochs = 250

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='mmlt.ShuffleBiasTestLoop', num_shuffles=3)

optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=1e-4))
param_scheduler = dict(
    type='MultiStepLR', begin=0, end=max_epochs, by_epoch=True, milestones=[100, 200], gamma=0.1
)
auto_scale_lr = dict(enable=False, base_batch_size=128)  # 4 GPUs x 32 clips
