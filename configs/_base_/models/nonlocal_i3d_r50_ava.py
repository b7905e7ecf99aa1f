"""Non-local I3D ResNet-50, RoI pooling and one linear layer (Zhang et al. 2019, section 3.2).

From the paper: trunk, RoI pooling, single linear layer behind a dropout of .3, frozen batch norm.
Where it is silent: non-local blocks (embedded Gaussian) as in Wang et al. 2018, five of them in
stages 2 and 3; last stage without stride, pooling over time, and assignment at IoU .9 as in
mmaction2's AVA configs; 7 x 7 bins as in Fast R-CNN.

mmcv's RoIPool needs CUDA; on a CPU say
`--cfg-options model.roi_head.bbox_roi_extractor.roi_layer_type=RoIAlign`.
"""

num_classes = 61  # the 60 classes that AVA evaluates and mmaction2's column 0
in_channels = 2048
featmap_stride = 16  # conv1 2, pool1 2, stages 1 * 2 * 2 * 1
frozen_bn = dict(type='BN3d', requires_grad=False)

# mmaction2's model zoo: top-1 74.73 on Kinetics-400, itself inflated from ImageNet, as in the paper
kinetics_checkpoint = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/i3d/'
    'i3d_imagenet-pretrained-r50-nl-embedded-gaussian_8xb8-32x2x1-100e_kinetics400-rgb/'
    'i3d_imagenet-pretrained-r50-nl-embedded-gaussian_8xb8-32x2x1-100e_kinetics400-rgb_'
    '20220812-afd8f562.pth'
)

model = dict(
    type='FastRCNN',
    _scope_='mmdet',
    backbone=dict(
        type='mmaction.ResNet3d',
        depth=50,
        pretrained=None,
        pretrained2d=False,
        conv1_kernel=(5, 7, 7),
        conv1_stride_t=2,
        pool1_stride_t=2,  # 36 frames: 18, 9, and 4 behind pool2
        spatial_strides=(1, 2, 2, 1),
        inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
        non_local=((0, 0, 0), (0, 1, 0, 1), (0, 1, 0, 1, 0, 1), (0, 0, 0)),
        non_local_cfg=dict(
            sub_sample=True, use_scale=False, norm_cfg=frozen_bn, mode='embedded_gaussian'
        ),
        norm_cfg=frozen_bn,
        norm_eval=True,
        zero_init_residual=False,
    ),
    roi_head=dict(
        type='AVARoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor3D',
            roi_layer_type='RoIPool',
            output_size=7,
            featmap_stride=featmap_stride,
            with_temporal_pool=True,
        ),
        bbox_head=dict(
            type='mmlt.LongTailBBoxHead',
            background_class=True,
            in_channels=in_channels,
            num_classes=num_classes,
            multilabel=True,
            dropout_ratio=0.3,
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
                add_gt_as_proposals=True,
            ),
            pos_weight=1.0,
        )
    ),
    test_cfg=dict(rcnn=None),
)
