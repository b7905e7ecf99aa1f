"""ResNet of two 2D stages and a 3D one, for clips of 32 frames of 64 x 64 pixels: 8 classes."""

num_classes = 8
base_channels = 16

model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3d',
        depth=18,
        pretrained=None,
        pretrained2d=False,
        base_channels=base_channels,
        num_stages=3,
        stage_blocks=(1, 1, 1),
        out_indices=(2,),
        conv1_kernel=(1, 5, 5),
        conv1_stride_t=4,  # 8 frames are seen
        with_pool1=False,
        with_pool2=False,
        spatial_strides=(1, 2, 2),
        temporal_strides=(1, 1, 1),
        dilations=(1, 1, 1),
        inflate=(0, 0, 1),  # looks first, then motion
        zero_init_residual=False,
    ),
    cls_head=dict(
        type='I3DHead',
        num_classes=num_classes,
        in_channels=4 * base_channels,
        spatial_type='avg',
        dropout_ratio=0.0,
        average_clips='prob',
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[128.0, 128.0, 128.0],
        std=[64.0, 64.0, 64.0],
        format_shape='NCTHW',
    ),
)
