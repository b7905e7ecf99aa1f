"""SGD for one epoch, learning rate from .001 to .0001 linearly (Zhang et al. 2019, section 3.3).

Momentum and weight decay as in the first stage; the paper names none.
"""

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=1e-4))
param_scheduler = dict(
    type='LinearLR',
    start_factor=1.0,
    end_factor=0.1,
    begin=0,
    end=1,
    by_epoch=True,
    convert_to_iter_based=True,
)
auto_scale_lr = dict(enable=False, base_batch_size=1000)
