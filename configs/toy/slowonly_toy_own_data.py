"""The demo's small SlowOnly on own data, 8 frames over 1.6 s at 128 pixels: to try the whole way.

Source: none: it is for two CPU cores, and begins with random weights.
Expected: next to nothing: it shows that the data can be trained on.
Time: about a minute for two epochs of 100 keyframes, on two cores.
Command: tools/dist_train.sh configs/toy/slowonly_toy_own_data.py 2, as the base of
    data/mine/config.py, which tools/data/import_annotations.py writes with --base.
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/slowonly_toy.py',
    '../_base_/own_data.py',
]

train_dataloader = {{_base_.own_data.toy.train_dataloader}}
val_dataloader = {{_base_.own_data.toy.val_dataloader}}
test_dataloader = {{_base_.own_data.toy.test_dataloader}}
val_evaluator = {{_base_.own_data.toy.val_evaluator}}
test_evaluator = {{_base_.own_data.toy.test_evaluator}}
custom_hooks = {{_base_.own_checks}}
model = dict(roi_head=dict(bbox_head=dict(num_classes={{_base_.own_columns}})))
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=0.004, weight_decay=0.02),
    clip_grad=dict(max_norm=20, norm_type=2),
)
param_scheduler = {{_base_.own_schedule.param_scheduler}}
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
own_data = own_hooks = own_checks = own_schedule = own_imports = own_randomness = None
