"""Stored frame features of VideoLT: 60 random frames in training, 150 even ones in testing.

The lists are VideoLT's own; `train_counts.json` is made of the training counts beside them (see
configs/videolt/README.md). Validation has its own list: no checkpoint is chosen on the test list.
Another data set in VideoLT's layout: set the variables of the environment named VIDEOLT_... here,
in the model and in the schedule. Counts and features are looked for in the root, if not absolute.
"""

data_root = '{{$VIDEOLT_ROOT:data/videolt}}'


def in_root(path):
    return path if path.startswith('/') else f'{data_root}/{path}'


feature_dir = in_root('{{$VIDEOLT_FEATURES:features/resnet101}}')
feature_dim = {{'$VIDEOLT_CHANNELS:2048'}}
class_counts = in_root('{{$VIDEOLT_COUNTS:train_counts.json}}')
# 47 head, 617 medium and 340 tail classes
head_min, tail_max = {{'$VIDEOLT_HEAD_MIN:500'}}, {{'$VIDEOLT_TAIL_MAX:100'}}


def dataloader(split, sampling, **kwargs):
    return dict(
        batch_size=128,
        num_workers=8,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
        dataset=dict(
            type='mmlt.VideoLTDataset',
            ann_file=f'{data_root}/{split}.lst',
            count_file=f'{data_root}/count-labels-train.lst',
            data_prefix=dict(feature=feature_dir),
            feature_dim=feature_dim,
            pipeline=[
                dict(type='mmlt.LoadFeatureFrames', **sampling),
                dict(type='PackActionInputs', meta_keys=('sample_idx', 'filename')),
            ],
            **kwargs,
        ),
    )


def evaluator():
    return dict(
        type='mmlt.LongTailMetric',
        class_counts=class_counts,
        head_min=head_min,
        tail_max=tail_max,
        per_class_keys=False,
    )


train_dataloader = dataloader('train', dict(num_frames=60, mode='random'))
val_dataloader = dataloader('val', dict(num_frames=150, mode='even'), test_mode=True)
test_dataloader = dataloader('test', dict(num_frames=150, mode='even'), test_mode=True)
val_evaluator = evaluator()
test_evaluator = evaluator()
