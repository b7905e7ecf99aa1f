"""SlowFast-R101 on AVA v2.2, the RoI branch and the global loss.

Source: report on a three-branch solution to the 2019 ActivityNet challenge, sections 3 and 4.
Expected: no number is published.
GPUs: 8, 8 clips each (8 x 8 = 64), 26,000 iterations.
Command: tools/dist_train.sh configs/three_branch/slowfast_r101_three_branch_global_loss.py 8
"""

_base_ = './slowfast_r101_three_branch_phase_one.py'

model = dict(roi_head=dict(global_loss={{_base_.global_loss}}))
