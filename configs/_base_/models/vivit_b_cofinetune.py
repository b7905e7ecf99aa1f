"""ViViT-B, factorised encoder, under a head for each data set (Arnab et al. 2022, section 3.1).

An experiment takes the heads that its `datasets` need, such as `{{_base_.heads.k400}}`, and says
`heads = None` at its end.

From the paper: tokens are kept, pooled over the clip by a linear classifier, and around each
person (RoIAlign on the tube) by a linear detection head; label smoothing .1, stochastic depth .2,
boxes jittered by .15. Where it is silent: 16 x 16 x 2 tubelets, central frame initialisation and 4
temporal layers as in scenic's ViViT configs; 7 x 7 bins and a maximum over them; a person trains
where its IoU with an annotated box is .5; losses are a sum over classes and a mean over persons or
clips, as in scenic.

The start is an ImageNet-21K ViT, as in the paper:
    https://storage.googleapis.com/vit_models/imagenet21k/ViT-B_16.npz
    python tools/convert/vivit_checkpoint.py ViT-B_16.npz --out checkpoints/vivit_b16_in21k.pth
"""

imagenet_checkpoint = 'checkpoints/vivit_b16_in21k.pth'
num_classes = dict(boxes=81, k400=400, k600=600, k700=700, mit=339, sthv2=174)
num_frames, size, embed_dims = 32, 224, 768
tubelet_size = (2, 16, 16)
label_smoothing, box_jitter = 0.1, 0.15


def box_head():
    return dict(
        type='mmlt.JitteredAVARoIHead',
        box_jitter=box_jitter,
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor3D',
            roi_layer_type='RoIAlign',
            output_size=7,
            featmap_stride=tubelet_size[1],
            with_temporal_pool=True,
        ),
        bbox_head=dict(
            type='mmlt.LongTailBBoxHead',
            background_class=True,
            in_channels=embed_dims,
            num_classes=num_classes['boxes'],
            multilabel=True,
            dropout_ratio=0.0,
            loss_cls=dict(
                type='mmlt.BCELoss', label_smoothing=label_smoothing, reduction='batchmean'
            ),
        ),
        train_cfg=dict(
            assigner=dict(
                type='MaxIoUAssignerAVA', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5
            ),
            sampler=dict(
                type='RandomSampler',
                num=32,
                pos_fraction=1,
                neg_pos_ub=-1,
                add_gt_as_proposals=False,
            ),
            pos_weight=1.0,
        ),
        test_cfg=None,
    )


def clip_head(name):
    return dict(
        type='I3DHead',
        num_classes=num_classes[name],
        in_channels=embed_dims,
        spatial_type='avg',
        dropout_ratio=0.0,
        label_smooth_eps=label_smoothing,
        average_clips='prob',
    )


clip_sets = ('k400', 'k600', 'k700', 'mit', 'sthv2')
heads = dict(boxes=box_head(), **{name: clip_head(name) for name in clip_sets})

model = dict(
    type='mmlt.CoFinetuneModel',
    backbone=dict(
        type='mmlt.ViViT',
        arch='base',  # 12 spatial and 4 temporal layers
        num_frames=num_frames,
        img_size=size,
        tubelet_size=tubelet_size,
        drop_path_rate=0.2,
        keep_tokens=True,
        with_cp=False,
        init_cfg=dict(type='Pretrained', checkpoint=imagenet_checkpoint),
    ),
    data_preprocessor=dict(
        type='mmlt.PaddingDataPreprocessor',
        size=size,
        mean=[127.5, 127.5, 127.5],  # to [-1, 1]
        std=[127.5, 127.5, 127.5],
    ),
)
