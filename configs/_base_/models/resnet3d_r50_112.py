"""3D ResNet-50 for clips of 32 frames of 112 x 112 pixels (Hara et al. 2018 and 2021).

Differs from the authors' network in one layer: mmaction2's first max pooling is 1x3x3, theirs
3x3x3 (both halve T, H and W).
"""

num_classes = 400

model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3d',
        depth=50,
        pretrained=None,  # trained from scratch
        pretrained2d=False,
        conv1_kernel=(7, 7, 7),
        conv1_stride_t=1,
        pool1_stride_t=2,
        with_pool2=False,
        inflate_style='3x3x3',
        spatial_strides=(1, 2, 2, 2),
        temporal_strides=(1, 2, 2, 2),  # 32 frames: 32, pooled 16, then 16, 8, 4, 2
        zero_init_residual=False,
    ),
    cls_head=dict(
        type='I3DHead',
        num_classes=num_classes,
        in_channels=2048,
        spatial_type='avg',
        dropout_ratio=0.0,
        average_clips='prob',  # mean over a video's windows
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[110.8, 103.3, 96.3],  # of Kinetics-400
        std=[1.0, 1.0, 1.0],  # mean subtraction only
        format_shape='NCTHW',
    ),
)
