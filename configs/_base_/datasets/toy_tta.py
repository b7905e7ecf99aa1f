"""Test-time augmentation on the toy world's frames of 64 x 96: three short sides.

For `tools/test.py CONFIG CHECKPOINT --tta`. No flip, unlike ava_tta.py: left and right are what
classes of this world differ by. A config whose model reads a feature bank writes its own
tta_pipeline, with that transform before TestTimeAug, and takes tta_views from here.
"""

tta_views = [
    [dict(type='Resize', scale=(-1, short_side)) for short_side in (60, 64, 80)],
    [dict(type='Flip', flip_ratio=0)],  # says that the view is not flipped
    [dict(type='FormatShape', input_format='NCTHW', collapse=True)],
    [
        dict(
            type='PackActionInputs',
            meta_keys=('img_shape', 'img_key', 'video_id', 'timestamp', 'flip'),
            algorithm_keys=('long_term',),  # where a transform has read it
        )
    ],
]
tta_pipeline = [
    dict(type='SampleAVAFrames', clip_len=8, frame_interval=1, test_mode=True),
    dict(type='RawFrameDecode', io_backend='disk'),
    dict(type='TestTimeAug', transforms=tta_views),
]
tta_model = dict(type='mmlt.AVATestTimeAug')
