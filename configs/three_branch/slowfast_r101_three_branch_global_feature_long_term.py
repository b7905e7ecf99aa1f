"""SlowFast-R101 on AVA v2.2, the RoI branch, the global feature and the long-term branch.

Source: report on a three-branch solution to the 2019 ActivityNet challenge, sections 3 and 4.
Expected: no number is published.
Needs: the bank of slowfast_r101_three_branch_phase_one.py in work_dirs/feature_bank, or in
    $FEATURE_BANK; tools/three_branch.py makes it. Both start from the same Kinetics weights.
GPUs: 8, 8 clips each (8 x 8 = 64), 26,000 iterations.
Command: tools/dist_train.sh configs/three_branch/slowfast_r101_three_branch_global_feature_long_term.py 8
"""

_base_ = './slowfast_r101_three_branch_phase_one.py'

model = dict(roi_head=dict(global_feature=True, long_term={{_base_.long_term}}))

train_dataloader = dict(dataset=dict(pipeline={{_base_.bank_train_pipeline}}))
val_dataloader = dict(dataset=dict(pipeline={{_base_.bank_test_pipeline}}))
test_dataloader = dict(dataset=dict(pipeline={{_base_.bank_test_pipeline}}))
tta_pipeline = {{_base_.bank_tta_pipeline}}
