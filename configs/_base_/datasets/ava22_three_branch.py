"""AVA v2.2, 64 contiguous frames around a keyframe, short side 256, with the feature bank or not.

From the three-branch report (2019 ActivityNet challenge, section 4): annotated persons in training,
in testing detected ones that score more than .8; flips, colour jitter (of mmaction2's default
range, for it names none) and no crop, so a batch is padded to its widest clip. A keyframe without
such a person has no detection: mmaction2 would lower the threshold to the best score there is.

An experiment with the long-term branch takes the pipelines `{{_base_.bank_train_pipeline}}`,
`{{_base_.bank_test_pipeline}}` and `{{_base_.bank_tta_pipeline}}`. The bank's folders are train and
val in $FEATURE_BANK. Files are where mmaction2's AVA guide puts them; frame 1 is second 900.
"""

_base_ = './ava_tta.py'

anno_root = 'data/ava/annotations'
frame_root = 'data/ava/rawframes'
bank_root = '{{$FEATURE_BANK:work_dirs/feature_bank}}'
num_columns = 81  # AVA's 80 classes and mmaction2's column 0
clip_len, frame_interval = 64, 1
short_side = 256
window_sec, max_persons = 61, 5


def files(split):
    return dict(
        ann_file=f'{anno_root}/ava_{split}_v2.2.csv',
        exclude_file=f'{anno_root}/ava_{split}_excluded_timestamps_v2.2.csv',
        label_file=f'{anno_root}/ava_action_list_v2.2_for_activitynet_2019.pbtxt',
    )


# test_mode: the training mode of SampleAVAFrames jitters every frame, which destroys motion
decoded = [
    dict(
        type='SampleAVAFrames', clip_len=clip_len, frame_interval=frame_interval, test_mode=True
    ),
    dict(type='RawFrameDecode', io_backend='disk'),
]


def window(split):
    """What the bank has of the seconds around; at random in training, the best-scored in testing."""
    return dict(
        type='mmlt.LoadFeatureBank',
        bank_dir=f'{bank_root}/{split}',
        window_sec=window_sec,
        max_persons=max_persons,
        test_mode=split != 'train',
    )


def pipeline(split, *bank):
    augmented = [dict(type='Flip', flip_ratio=0.5), dict(type='ColorJitter')]
    return [
        *decoded,
        dict(type='Resize', scale=(-1, short_side)),
        *(augmented if split == 'train' else []),
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        *bank,
        dict(type='PackActionInputs', algorithm_keys=('long_term',) if bank else ()),
    ]


bank_train_pipeline = pipeline('train', window('train'))
bank_test_pipeline = pipeline('val', window('val'))
bank_tta_pipeline = [
    *decoded,
    window('val'),
    dict(type='TestTimeAug', transforms=_base_.tta_views),
]


def dataloader(split, batch_size, **dataset):
    return dict(
        batch_size=batch_size,
        num_workers=8,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=split == 'train'),
        dataset=dict(
            type='mmlt.AVADataset',
            **files(split),
            proposal_file=f'{anno_root}/ava_dense_proposals_{split}.FAIR.recall_93.9.pkl',
            data_prefix=dict(img=frame_root),
            num_classes=num_columns,
            timestamp_start=900,
            timestamp_end=1800,
            **dataset,
        ),
    )


tested = dict(
    batch_size=1,  # AVARoIHead tests one clip at a time
    person_det_score_thr=0.8,
    keep_one_person=False,
    pipeline=pipeline('val'),
    test_mode=True,
)
train_dataloader = dataloader(
    'train',
    batch_size=8,  # x 8 GPUs = 64
    persons='ground_truth',
    pipeline=pipeline('train'),
)
val_dataloader = dataloader('val', **tested)
test_dataloader = dataloader('val', **tested)

val_evaluator = dict(
    type='mmlt.AVALongTailMetric',
    **files('val'),
    num_classes=num_columns,
    class_counts='ava_v2.2',  # ships with mmlt: Arnab et al. 2022, Table 9
)
test_evaluator = val_evaluator
