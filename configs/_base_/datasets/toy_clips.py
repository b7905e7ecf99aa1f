"""A toy clip set (`python tools/data/make_toy_world.py --out data/toy --parts clips`).

Which of the two is for the experiment to say: the file names here are the motion set's. No flip
and no crop: they would change what a motion class is.
"""

toy_root = 'data/toy/clips'
clip_len = 32  # of 48 frames


def pipeline(sampling):
    return [
        dict(type='OpenCVInit'),
        sampling,
        dict(type='OpenCVDecode'),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]


def dataset(split, sampling, **kwargs):
    return dict(
        type='VideoDataset',
        ann_file=f'{toy_root}/motion/{split}.txt',
        data_prefix=dict(video=f'{toy_root}/motion/videos'),
        pipeline=pipeline(sampling),
        **kwargs,
    )


def test_dataloader_of(split):
    windows = dict(type='mmlt.SlidingWindowFrames', clip_len=clip_len, stride=16)
    return dict(
        batch_size=1,  # the number of windows may change from video to video
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dataset(split, windows, test_mode=True),
    )


train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dataset('train', dict(type='SampleFrames', clip_len=clip_len)),
)
val_dataloader = test_dataloader_of('val')
test_dataloader = test_dataloader_of('test')
val_evaluator = dict(type='AccMetric')
test_evaluator = dict(type='mmlt.ShuffleBiasMetric', label_file=f'{toy_root}/motion/labels.txt')
