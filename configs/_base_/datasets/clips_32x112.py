"""Clips of 32 frames of 112 x 112 pixels: random ones in training, all windows in testing.

An experiment names the files. A set that is kept as frames takes `rawframe_train_pipeline` and
`rawframe_test_pipeline` from here.
"""

clip_len = 32
size = 112
scales = (1, 2**-0.25, 2**-0.5, 2**-0.75, 0.5)  # of the short side

open_video, decode_video = [dict(type='DecordInit')], [dict(type='DecordDecode')]
decode_frames = [dict(type='RawFrameDecode')]


def train_transforms(init, decode):
    return [
        *init,
        dict(type='SampleFrames', clip_len=clip_len, frame_interval=1, num_clips=1),
        *decode,
        dict(
            type='MultiScaleCrop',
            input_size=size,
            scales=scales,
            max_wh_scale_gap=0,  # square
            random_crop=True,
        ),
        dict(type='Resize', scale=(size, size), keep_ratio=False),
        dict(type='Flip', flip_ratio=0.5),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]


def test_transforms(init, decode):
    return [
        *init,
        # the tail as in the authors' code; the paper does not mention it
        dict(type='mmlt.SlidingWindowFrames', clip_len=clip_len, stride=16, keep_tail_frames=True),
        *decode,
        dict(type='Resize', scale=(-1, size)),
        dict(type='CenterCrop', crop_size=size),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]


def test_loader():
    return dict(
        batch_size=1,  # the number of windows changes from video to video
        num_workers=8,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='VideoDataset',
            pipeline=test_transforms(open_video, decode_video),
            test_mode=True,
        ),
    )


rawframe_train_pipeline = train_transforms([], decode_frames)
rawframe_test_pipeline = test_transforms([], decode_frames)

train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='VideoDataset',
        pipeline=train_transforms(open_video, decode_video),
    ),
)
val_dataloader = test_loader()
test_dataloader = test_loader()
val_evaluator = dict(type='AccMetric')
test_evaluator = dict(type='mmlt.ShuffleBiasMetric')
