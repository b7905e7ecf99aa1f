"""Phase one on the toy world with context: the RoI branch alone, which fills the feature bank.

Source: report on a three-branch solution to the 2019 ActivityNet challenge,
    section 4, made small.
Expected on test: configs/three_branch/README.md.  Time: about six minutes on two free cores.
Command: tools/dist_train.sh configs/toy/slowonly_toy_three_branch_phase_one.py 2
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/toy_context.py',
    '../_base_/models/slowonly_toy_branches.py',
    '../_base_/schedules/adamw_onecycle_1467i.py',
]

# updates are counted, not passes; the best of three checkpoints on val is kept beside the last
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=163, save_best='ava/mSAP', rule='greater')
)
log_processor = dict(by_epoch=False)
