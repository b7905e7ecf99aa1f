"""Non-local I3D-R50 on AVA v2.2: the paper's baseline with the corrected annotations.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), sections 3.2 and 3.3, on
    the release that followed.
Expected: no number is published on v2.2; on v2.1 mSAP 47.8, tail 47.7, head 47.8 (Table 2).
    The paper's mSAP is on another scale than ours: README.md.
GPUs: 8, 3 clips each (8 x 3 = 24), 90,000 + 10,000 iterations.
Command: tools/dist_train.sh configs/in_the_wild/nonlocal_i3d_r50_ava22.py 8
"""

_base_ = './nonlocal_i3d_r50_ava21.py'

train_dataloader = {{_base_.ava22_train_dataloader}}
val_dataloader = {{_base_.ava22_test_dataloader}}
test_dataloader = {{_base_.ava22_test_dataloader}}
val_evaluator = {{_base_.ava22_evaluator}}
test_evaluator = {{_base_.ava22_evaluator}}
