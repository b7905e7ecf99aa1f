"""SGD for 26,000 iterations, .016 divided by 10 at 16,000 and 21,000, weight decay 1e-7.

From the three-branch report (2019 ActivityNet challenge, section 4), which names neither a warm-up
nor a limit on the gradients. Val is looked at four times.
"""

max_iters = 26_000

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=6_500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.016, momentum=0.9, weight_decay=1e-7))
param_scheduler = dict(
    type='MultiStepLR',
    begin=0,
    end=max_iters,
    by_epoch=False,
    milestones=[16_000, 21_000],
    gamma=0.1,
)
auto_scale_lr = dict(enable=False, base_batch_size=64)  # 8 GPUs x 8 clips
