"""The baseline of VideoLT's bench on the toy world's feature sequences, one CPU core.

Source: "VideoLT" (Zhang et al. 2021), section 5.1, made small.
Expected on test: see configs/videolt/README.md, which compares all methods on this data.
Needs: its counts, which README.md in this folder tells how to make.  Time: half a minute.
Command: tools/train.py configs/toy/nonlinear_toy_features.py
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/toy_features.py',
    '../_base_/models/nonlinear_head_2048.py',
    '../_base_/schedules/adam_step_100e.py',
]

feature_dim, num_classes, max_epochs = 64, 40, 15

model = dict(
    data_preprocessor=dict(num_classes=num_classes),
    head=dict(in_channels=feature_dim, num_classes=num_classes),
)
train_dataloader = dict(batch_size=32)
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=0.1))  # 630 updates, not 140,000
param_scheduler = dict(end=max_epochs, milestones=[4, 9])
