"""The toy world in AVA format (`python tools/data/make_toy_world.py --out data/toy`)."""

toy_root = 'data/toy/ava'
annotations = f'{toy_root}/annotations'
clip_len = 8  # one second at 8 frames a second


def ava_pipeline(augmentations):
    # test_mode: the training mode of SampleAVAFrames jitters every frame, which destroys motion
    return [
        dict(type='SampleAVAFrames', clip_len=clip_len, frame_interval=1, test_mode=True),
        dict(type='RawFrameDecode', io_backend='disk'),
        *augmentations,
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs'),
    ]


# where a sampler draws boxes: no proposal, each clip's one RoI is the drawn box
drawn_box_pipeline = [dict(type='mmlt.KeepDrawnBox'), *ava_pipeline([])]


def ava_dataset(split, **kwargs):
    return dict(
        type='mmlt.AVADataset',
        ann_file=f'{annotations}/{split}.csv',
        exclude_file=f'{annotations}/{split}_excluded_timestamps.csv',
        label_file=f'{annotations}/label_map.pbtxt',
        proposal_file=f'{annotations}/{split}_proposals.pkl',
        person_det_score_thr=0.5,
        data_prefix=dict(img=f'{toy_root}/rawframes'),
        num_classes=31,  # 30 classes and mmaction2's column 0
        timestamp_start=901,
        timestamp_end=926,
        fps=8,
        **kwargs,
    )


def ava_evaluator(split):
    return dict(
        type='mmlt.AVALongTailMetric',
        ann_file=f'{annotations}/{split}.csv',
        exclude_file=f'{annotations}/{split}_excluded_timestamps.csv',
        label_file=f'{annotations}/label_map.pbtxt',
        class_counts=f'{annotations}/train_counts.json',
        split_file=f'{annotations}/split.json',
    )


def ava_test_dataloader(split):
    return dict(
        batch_size=1,
        num_workers=1,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=ava_dataset(split, pipeline=ava_pipeline([]), test_mode=True),
    )


train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=ava_dataset('train', pipeline=ava_pipeline([])),
)
val_dataloader = ava_test_dataloader('val')
test_dataloader = ava_test_dataloader('test')
val_evaluator = ava_evaluator('val')
test_evaluator = ava_evaluator('test')
