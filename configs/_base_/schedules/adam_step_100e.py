"""Adam for 100 epochs, .0001 divided by 10 at epochs 30 and 60; gradients clipped to norm 20."""

max_epochs = {{'$VIDEOLT_EPOCHS:100'}}  # of fewer or more, all that happens at some epoch moves


def at(epoch):
    return max(1, round(epoch * max_epochs / 100))


half_time = at(50)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=at(5))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-4), clip_grad=dict(max_norm=20))
param_scheduler = dict(
    type='MultiStepLR',
    begin=0,
    end=max_epochs,
    by_epoch=True,
    milestones=[at(30), at(60)],
    gamma=0.1,
)
auto_scale_lr = dict(enable=False, base_batch_size=128)
