"""Test-time augmentation on AVA: 64 contiguous frames, three short sides, with flips.

Source: the three-branch report of the 2019 ActivityNet / AVA challenge, sections 3 and 4.
For `tools/test.py CONFIG CHECKPOINT --tta`. A config whose model reads a feature bank writes
its own tta_pipeline, with that transform before TestTimeAug, and takes tta_views from here.
"""

tta_views = [
    [dict(type='Resize', scale=(-1, short_side)) for short_side in (244, 256, 320)],
    [dict(type='Flip', flip_ratio=flip_ratio) for flip_ratio in (0, 1)],
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
    dict(type='SampleAVAFrames', clip_len=64, frame_interval=1, test_mode=True),
    dict(type='RawFrameDecode', io_backend='disk'),
    dict(type='TestTimeAug', transforms=tta_views),
]
tta_model = dict(type='mmlt.AVATestTimeAug')
