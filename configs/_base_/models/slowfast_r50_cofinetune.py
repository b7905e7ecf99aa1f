"""mmaction2's SlowFast-R50, 8 slow and 32 fast frames, under a head for each data set.

Strides and weights are those of mmaction2's AVA config. Batch norm keeps the statistics of the
Kinetics weights: a batch is of one set, so running ones would be a mixture that fits none.
"""

_base_ = './vivit_b_cofinetune.py'

kinetics_checkpoint = (
    'https://download.openmmlab.com/mmaction/recognition/slowfast/'
    'slowfast_r50_8x8x1_256e_kinetics400_rgb/'
    'slowfast_r50_8x8x1_256e_kinetics400_rgb_20200716-73547d2b.pth'
)
in_channels = 2048 + 256  # slow, fast


def pathway(**kwargs):
    return dict(
        type='resnet3d',
        depth=50,
        pretrained=None,
        conv1_stride_t=1,
        pool1_stride_t=1,
        spatial_strides=(1, 2, 2, 1),  # as ViViT's tokens: 16 pixels
        norm_eval=True,
        **kwargs,
    )


heads = dict(
    boxes=dict(bbox_head=dict(in_channels=in_channels)),
    **{name: dict(type='SlowFastHead', in_channels=in_channels) for name in _base_.clip_sets},
)
model = dict(
    init_cfg=dict(type='Pretrained', checkpoint=kinetics_checkpoint),
    backbone=dict(
        _delete_=True,
        type='mmaction.ResNet3dSlowFast',
        pretrained=None,
        resample_rate=4,
        speed_ratio=4,
        channel_ratio=8,
        slow_pathway=pathway(
            lateral=True, conv1_kernel=(1, 7, 7), inflate=(0, 0, 1, 1), fusion_kernel=7
        ),
        fast_pathway=pathway(lateral=False, conv1_kernel=(5, 7, 7), base_channels=8),
    ),
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
)
