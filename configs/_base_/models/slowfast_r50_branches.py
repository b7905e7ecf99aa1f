"""SlowFast-R50 in the place of the report's R101, else as `slowfast_r101_branches.py`.

SlowFast's own AVA config of R50 has no non-local blocks; here they are behind every second of the
six blocks of res4, the part of Wang et al. 2018's five that lies there.
"""

_base_ = './slowfast_r101_branches.py'

# mmaction2's model zoo: top-1 76.80 on Kinetics-400
kinetics_checkpoint = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/slowfast/'
    'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb/'
    'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb_20220818-1cb6dfc8.pth'
)
depth = 50
non_local = (0, 0, (0, 1, 0, 1, 0, 1), 0)

model = dict(
    init_cfg=dict(checkpoint=kinetics_checkpoint),
    backbone=dict(
        slow_pathway=dict(depth=depth, non_local=non_local), fast_pathway=dict(depth=depth)
    ),
)
