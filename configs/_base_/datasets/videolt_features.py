"""Stored frame features of VideoLT: 60 random frames in training, 150 even ones in testing.

The lists are VideoLT's own; `train_counts.json` is made of the training counts beside them (see
configs/videolt/README.md). Validation has its own list: no checkpoint is chosen on the test list.
"""

data_root = 'data/videolt'
feature_dir = f'{data_root}/features/resnet101'
class_counts = f'{data_root}/train_counts.json'
head_min, tail_max = 500, 100  # 47 head, 617 medium and 340 tail classes


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
            feature_dim=2048,
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
