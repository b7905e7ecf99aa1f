"""The toy world's AVA set and clips of its actors, from one training to the other.

`python tools/data/make_toy_world.py --out data/toy --parts ava clips actor_clips`

`motion` is for the experiments that add it: clips of another domain, which differ by motion only,
of 48 frames; every second one is taken, for they move half as fast. No flip and no crop: they
would change what a class is.
"""

_base_ = './toy_ava.py'

clips_root = 'data/toy/actor_clips'
motion_root = 'data/toy/clips/motion'
batch_size = 8  # x 2 ranks = 16, of every set
frames_seen = 8  # of a clip, as of a second of the AVA set


def clips(root, split, frame_interval):
    sampling = dict(type='SampleFrames', clip_len=frames_seen, frame_interval=frame_interval)
    is_test = dict(test_mode=True) if split != 'train' else {}
    return dict(
        type='VideoDataset',
        ann_file=f'{root}/{split}.txt',
        data_prefix=dict(video=f'{root}/videos'),
        pipeline=[
            dict(type='OpenCVInit'),
            dict(**sampling, **is_test),  # the middle of the clip
            dict(type='OpenCVDecode'),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs'),
        ],
        **is_test,
    )


def clip_entry(root, frame_interval=1):
    return dict(
        train=clips(root, 'train', frame_interval),
        val=clips(root, 'val', frame_interval),
        test=clips(root, 'test', frame_interval),
        val_evaluator=dict(type='AccMetric'),
        test_evaluator=dict(type='AccMetric'),
        batch_size=batch_size,
        test_batch_size=16,
    )


datasets = dict(
    ava=dict(
        train={{_base_.train_dataloader.dataset}},
        val={{_base_.val_dataloader.dataset}},
        test={{_base_.test_dataloader.dataset}},
        val_evaluator={{_base_.val_evaluator}},
        test_evaluator={{_base_.test_evaluator}},
        batch_size=batch_size,
    ),
    actors=clip_entry(clips_root),
)
motion = clip_entry(motion_root, frame_interval=2)

train_dataloader = dict(_delete_=True, num_workers=1, persistent_workers=True)
val_dataloader = dict(_delete_=True, num_workers=1)
test_dataloader = dict(_delete_=True, num_workers=1)
val_evaluator = dict(_delete_=True)  # of each data set
test_evaluator = dict(_delete_=True)
