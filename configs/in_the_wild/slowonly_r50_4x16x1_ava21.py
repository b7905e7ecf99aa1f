"""SlowOnly-R50, 4 frames x 16, on AVA v2.1: the plain baseline, judged class by class.

Source: mmaction2's config of the same model; "A Study on Action Detection in the Wild" (Zhang
    et al. 2019), section 3, for what is measured (their own trunk is a non-local I3D-R50).
Expected: frame-mAP 20.72 (mmaction2's model zoo); mSAP is not published for this model.
Groups: by the v2.2 training counts, for mmlt ships no v2.1 counts (see README.md here).
GPUs: 8, 16 clips each (8 x 16 = 128, learning rate 0.2), 20 epochs.
Command: tools/dist_train.sh configs/in_the_wild/slowonly_r50_4x16x1_ava21.py 8
"""

_base_ = [
    'mmaction::detection/slowonly/slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb.py',
    '../_base_/ava_long_tail.py',
]

train_dataloader = {{_base_.ava_dataloader}}
val_dataloader = {{_base_.ava_dataloader}}
test_dataloader = {{_base_.ava_dataloader}}
val_evaluator = {{_base_.ava_evaluator}}
test_evaluator = {{_base_.ava_evaluator}}
default_hooks = {{_base_.ava_hooks}}
