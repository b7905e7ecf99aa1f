"""SGD for 15 epochs, learning rate .2 x linear warm-up (2.5 epochs) x half cosine, by iteration.

From the paper (Arnab et al. 2022, appendix 0.A.1): all of it, for 128 clips a step; an epoch is the
sum of the sets. It names neither weight decay nor gradient clipping: none of the first and a norm
of 1 are those of scenic's ViViT configs.
"""

max_epochs = 15

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)

optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.2, momentum=0.9, weight_decay=0.0),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = dict(
    type='mmlt.LinearWarmupCosineAnnealingLR', warmup=2.5, convert_to_iter_based=True
)
auto_scale_lr = dict(enable=False, base_batch_size=128)  # 8 GPUs x 16 clips
