"""SlowOnly-R50 on own data: 4 frames over two seconds, from Kinetics-400 weights.

Source: mmaction2's AVA config of the same model, its clips in seconds instead of frames.
Expected: depends on the data; on AVA v2.1 the same model has frame-mAP 20.72.
GPUs: 1 or 8, 16 clips each; the learning rate follows the number of clips.
Command: tools/dist_train.sh configs/own_data/slowonly_r50.py 8, as the base of data/mine/config.py,
    which tools/data/import_annotations.py writes.
"""

_base_ = [
    'mmaction::detection/slowonly/'
    'slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb.py',
    '../_base_/own_data.py',
]

train_dataloader = {{_base_.own_data.slowonly.train_dataloader}}
val_dataloader = {{_base_.own_data.slowonly.val_dataloader}}
test_dataloader = {{_base_.own_data.slowonly.test_dataloader}}
val_evaluator = {{_base_.own_data.slowonly.val_evaluator}}
test_evaluator = {{_base_.own_data.slowonly.test_evaluator}}
default_hooks = {{_base_.own_hooks}}
custom_hooks = {{_base_.own_checks}}

optim_wrapper = {{_base_.own_schedule.optim_wrapper}}
param_scheduler = {{_base_.own_schedule.param_scheduler}}
auto_scale_lr = {{_base_.own_schedule.auto_scale_lr}}
train_cfg = {{_base_.own_schedule.train_cfg}}
custom_imports = {{_base_.own_imports}}
randomness = {{_base_.own_randomness}}

# taken: not to be written into every log
own_data = own_hooks = own_checks = own_schedule = own_imports = own_randomness = None
