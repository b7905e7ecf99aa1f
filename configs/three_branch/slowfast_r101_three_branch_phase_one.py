"""SlowFast-R101 on AVA v2.2, the RoI branch alone: phase one, which fills the feature bank.

Source: report on a three-branch solution to the 2019 ActivityNet challenge, sections 3 and 4.
Expected: no number is published.
GPUs: 8, 8 clips each (8 x 8 = 64), 26,000 iterations.
Command: tools/dist_train.sh configs/three_branch/slowfast_r101_three_branch_phase_one.py 8
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ava22_three_branch.py',
    '../_base_/models/slowfast_r101_branches.py',
    '../_base_/schedules/sgd_step_26k_iters.py',
]

# iterations are counted, not epochs
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=2_000))
log_processor = dict(by_epoch=False)
