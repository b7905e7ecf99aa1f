"""SlowOnly with three small stages, RoIAlign and a multi-label head: 30 classes, 64 x 96 frames."""

num_classes = 31  # 30 classes and mmaction2's column 0
base_channels = 16
featmap_stride = 8  # conv1 2, pool1 2, stage strides 1 * 2 * 1

model = dict(
    type='FastRCNN',
    _scope_='mmdet',
    backbone=dict(
        type='mmaction.ResNet3dSlowOnly',
        depth=18,
        pretrained=None,
        pretrained2d=False,
        lateral=False,
        base_channels=base_channels,
        num_stages=3,
        stage_blocks=(1, 1, 1),
        out_indices=(2,),
        conv1_kernel=(3, 5, 5),
        conv1_stride_t=2,
        pool1_stride_t=1,
        inflate=(1, 1, 1),
        spatial_strides=(1, 2, 1),
        temporal_strides=(1, 1, 1),
        dilations=(1, 1, 1),
    ),
    roi_head=dict(
        type='AVARoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor3D',
            roi_layer_type='RoIAlign',
            output_size=4,
            featmap_stride=featmap_stride,
            with_temporal_pool=True,
        ),
        bbox_head=dict(
            type='BBoxHeadAVA',
            background_class=True,
            in_channels=4 * base_channels,
            num_classes=num_classes,
            multilabel=True,
            dropout_ratio=0.3,
        ),
    ),
    data_preprocessor=dict(
        type='mmaction.ActionDataPreprocessor',
        mean=[128.0, 128.0, 128.0],
        std=[64.0, 64.0, 64.0],
        format_shape='NCTHW',
    ),
    train_cfg=dict(
        rcnn=dict(
            assigner=dict(
                type='MaxIoUAssignerAVA', pos_iou_thr=0.75, neg_iou_thr=0.75, min_pos_iou=0.75
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
