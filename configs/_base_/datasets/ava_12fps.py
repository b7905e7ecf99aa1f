"""AVA v2.1 at 12 frames a second, 36 frames a clip, its 60 evaluated classes; v2.2's file names.

Frames of 272 x 272, random crops of 256 x 256 in training (Zhang et al. 2019, section 3.3, which
names no flip); whole frames of 272 x 272 in testing, of which the paper says nothing. How the
frames are made: configs/in_the_wild/README.md.
"""

anno_root = 'data/ava/annotations'
frame_root = 'data/ava/rawframes_12fps'
fps = 12
clip_len = 36  # three seconds
frame_size, crop_size = 272, 256

# AVA annotates 80 classes and evaluates those with at least 25 boxes in val. The others are not
# trained: neither counts nor a split by AP know of them.
not_evaluated = (2, 16, 18, 19, 21, 23, 25, 31, 32, 33, 35, 39, 40, 42, 44, 50, 53, 55, 71, 75)
custom_classes = [class_id for class_id in range(1, 81) if class_id not in not_evaluated]
num_columns = 1 + len(custom_classes)  # mmaction2's column 0


def ava_files(version, split):
    year = {'2.1': 2018, '2.2': 2019}[version]
    return dict(
        ann_file=f'{anno_root}/ava_{split}_v{version}.csv',
        exclude_file=f'{anno_root}/ava_{split}_excluded_timestamps_v{version}.csv',
        label_file=f'{anno_root}/ava_action_list_v{version}_for_activitynet_{year}.pbtxt',
    )


def ava_dataset(split, **kwargs):
    return dict(
        type='mmlt.AVADataset',
        **ava_files('2.1', split),
        proposal_file=f'{anno_root}/ava_dense_proposals_{split}.FAIR.recall_93.9.pkl',
        data_prefix=dict(img=frame_root),
        custom_classes=custom_classes,
        num_classes=num_columns,
        fps=fps,
        timestamp_start=900,
        timestamp_end=1800,
        **kwargs,
    )


def ava_pipeline(crop):
    # test_mode: the training mode of SampleAVAFrames jitters every frame, which destroys motion
    return [
        dict(type='SampleAVAFrames', clip_len=clip_len, frame_interval=1, test_mode=True),
        dict(type='RawFrameDecode', io_backend='disk'),
        dict(type='Resize', scale=(frame_size, frame_size), keep_ratio=False),
        *crop,
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs'),
    ]


def ava_test_dataloader():
    return dict(
        batch_size=1,
        num_workers=8,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=ava_dataset('val', pipeline=ava_pipeline([]), test_mode=True),
    )


train_pipeline = ava_pipeline([dict(type='RandomCrop', size=crop_size)])
# behind a balanced sampler, which draws single boxes
drawn_box_pipeline = [dict(type='mmlt.KeepDrawnBox'), *train_pipeline]

train_dataloader = dict(
    batch_size=3,  # x 8 GPUs = 24
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=ava_dataset('train', pipeline=train_pipeline),
)
val_dataloader = ava_test_dataloader()
test_dataloader = ava_test_dataloader()

val_evaluator = dict(
    type='mmlt.AVALongTailMetric',
    **ava_files('2.1', 'val'),
    custom_classes=custom_classes,
    num_classes=num_columns,
    class_counts='ava_v2.2',  # ships with mmlt: Arnab et al. 2022, Table 9
)
test_evaluator = val_evaluator

ava22_train_dataloader = dict(dataset=ava_files('2.2', 'train'))
ava22_test_dataloader = dict(dataset=ava_files('2.2', 'val'))
ava22_evaluator = ava_files('2.2', 'val')
