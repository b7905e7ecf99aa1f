"""SlowFast-R101 with non-local blocks under the RoI branch alone; the other branches to be taken.

An experiment switches on what it wants: `global_loss={{_base_.global_loss}}`, `global_feature=True`,
`long_term={{_base_.long_term}}` of `model.roi_head`.

From the three-branch report (2019 ActivityNet challenge, section 3): 8 slow and 32 fast of 64
frames; res5 without stride and with dilation 2; non-local blocks; frozen batch norm; 3D RoI
features, mean over time, max over space; softmax over the poses, sigmoid over the rest, focal
loss; two blocks upon the bank, joined by concatenation; annotated persons in training.
Where it is silent: places and kind of the non-local blocks as in SlowFast's own AVA config of this
network (three in res4 of the slow pathway, dot product), without a norm, for that would be frozen
untrained; RoIAlign with mmaction2's 8 x 8 bins; gamma 2, the optimum of Lin et al. 2017; all
losses weigh 1; boxes jittered by .15 as in co-finetuning; width, dropout and form of the long-term
blocks as in LFB (Wu et al. 2019). Heads start at random: only the backbone has Kinetics weights.
"""

# mmaction2's model zoo: top-1 78.65 on Kinetics-400. The report's own, of Kinetics-700, are not
# public; configs/three_branch/slowfast_r101_kinetics700.py makes such.
kinetics_checkpoint = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/slowfast/'
    'slowfast_r101_8xb8-8x8x1-256e_kinetics400-rgb/'
    'slowfast_r101_8xb8-8x8x1-256e_kinetics400-rgb_20220901-9c0e09bd.pth'
)
depth = 101
num_classes = 81  # AVA's 80 classes and mmaction2's column 0
pose_ids = list(range(1, 15))  # PERSON_MOVEMENT in AVA's list of its 80 classes
roi_channels = 2048 + 256  # slow, fast
gamma = 2.0
frozen_bn = dict(type='BN3d', requires_grad=False)
# behind these of the 23 blocks of res4, counted from 0: 6, 13, 20
non_local = (0, 0, tuple(int(block in (6, 13, 20)) for block in range(23)), 0)


def pathway(**kwargs):
    return dict(
        type='resnet3d',
        depth=depth,
        pretrained=None,
        conv1_stride_t=1,
        pool1_stride_t=1,
        spatial_strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        norm_cfg=frozen_bn,
        norm_eval=True,
        **kwargs,
    )


global_loss = dict(type='mmlt.FocalLoss', gamma=gamma, loss_weight=1.0, reduction='batchmean')
long_term = dict(latent_channels=512, num_blocks=2, block='non_local', dropout_ratio=0.2)

model = dict(
    type='FastRCNN',
    _scope_='mmdet',
    init_cfg=dict(type='Pretrained', checkpoint=kinetics_checkpoint),
    backbone=dict(
        type='mmlt.ResNet3dSlowFast',
        pretrained=None,
        resample_rate=8,  # every 8th of 64 frames
        speed_ratio=4,  # every 8 / 4 = 2nd of them
        channel_ratio=8,
        slow_pathway=pathway(
            lateral=True,
            conv1_kernel=(1, 7, 7),
            inflate=(0, 0, 1, 1),
            fusion_kernel=7,
            non_local=non_local,
            non_local_cfg=dict(sub_sample=True, norm_cfg=None, mode='dot_product'),
        ),
        fast_pathway=pathway(lateral=False, conv1_kernel=(5, 7, 7), base_channels=8),
    ),
    roi_head=dict(
        type='mmlt.ThreeBranchRoIHead',
        roi_channels=roi_channels,
        global_feature=False,
        fusion='concat',
        box_jitter=0.15,
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor3D',
            roi_layer_type='RoIAlign',
            output_size=8,
            featmap_stride=16,
            with_temporal_pool=True,
        ),
        bbox_head=dict(
            type='mmlt.PoseBBoxHead',
            background_class=True,
            num_classes=num_classes,
            pose_ids=pose_ids,
            gamma=gamma,
            multilabel=True,
            dropout_ratio=0.5,
            dropout_before_pool=False,
        ),
    ),
    data_preprocessor=dict(
        type='mmaction.ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW',
    ),
    train_cfg=dict(
        rcnn=dict(
            assigner=dict(
                type='MaxIoUAssignerAVA', pos_iou_thr=0.9, neg_iou_thr=0.9, min_pos_iou=0.9
            ),
            sampler=dict(
                type='RandomSampler',
                num=32,
                pos_fraction=1,
                neg_pos_ub=-1,
                add_gt_as_proposals=False,  # they are the proposals: once is enough
            ),
            pos_weight=1.0,
        )
    ),
    test_cfg=dict(rcnn=None),
)
