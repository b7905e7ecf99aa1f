"""The data sets of the co-finetuning paper as entries of `datasets`, at each of its resolutions.

An experiment takes what it trains on, such as `{{_base_.recipes.at_224.k400}}`, and says
`recipes = None` at its end, so that a run's config shows what is used and nothing else.

From the paper (Arnab et al. 2022): 32 frames x stride 2, one view in testing; the longer side is
resized to the resolution, the rest of the square is zero (`mmlt.PaddingDataPreprocessor`); AVA is
trained on detected persons that score .8, KineticsBox on annotated boxes, and tested on detected
persons that score .2. Scale jitter is named, its range and flips are not:
configs/cofinetune/README.md. Something-Something tells left from right, so its clips are not
flipped; they are sampled densely like all others, not uniformly over the whole video.
Files are where mmaction2's data guides put them.
"""

clip_len, frame_interval = 32, 2
jitter_range = (0.9, 1.33)  # scenic's ViViT configs: the paper's own numbers did not survive
batch_size = 16  # x 8 GPUs = 128, of every set
num_box_classes = 81  # AVA's 80 classes and mmaction2's column 0


def resized(size, is_training, flipped):
    """Longer side at `size`; padding follows in the model, behind the flip."""
    if not is_training:
        return [dict(type='Resize', scale=(size, size))]
    flip = [dict(type='Flip', flip_ratio=0.5)] if flipped else []
    jitter = dict(type='mmlt.ScaleJitter', size=size, ratio_range=jitter_range)
    return [jitter, *flip]


# ----------------------------------------------------------------------------------- boxes


def box_pipeline(size, is_training):
    # test_mode: the training mode of SampleAVAFrames jitters every frame, which destroys motion
    return [
        dict(
            type='SampleAVAFrames',
            clip_len=clip_len,
            frame_interval=frame_interval,
            test_mode=True,
        ),
        dict(type='RawFrameDecode'),
        *resized(size, is_training, flipped=True),
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs'),
    ]


def box_files(root, split):
    return dict(
        ann_file=f'{root}/annotations/ava_{split}_v2.2.csv',
        exclude_file=f'{root}/annotations/ava_{split}_excluded_timestamps_v2.2.csv',
        label_file=f'{root}/annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt',
    )


def boxes(size, dataset_type, root, train, test, **metric):
    """Second 900 is frame 1 of AVA's frames; a set trained on annotated persons needs no others."""

    def dataset(split, options):
        detections = f'{root}/annotations/ava_dense_proposals_{split}.FAIR.recall_93.9.pkl'
        return dict(
            type=dataset_type,
            **box_files(root, split),
            proposal_file=detections,
            data_prefix=dict(img=f'{root}/rawframes'),
            num_classes=num_box_classes,
            timestamp_start=900,
            timestamp_end=1800,
            pipeline=box_pipeline(size, is_training=split == 'train'),
            test_mode=split != 'train',
            **options,
        )

    evaluator = dict(
        type='mmlt.AVALongTailMetric',
        **box_files(root, 'val'),
        num_classes=num_box_classes,
        class_counts='ava_v2.2',  # ships with mmlt: the paper's Table 9
        **metric,
    )
    return dict(
        train=dataset('train', train),
        val=dataset('val', test),
        test=dataset('val', test),
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        batch_size=batch_size,
        test_batch_size=1,  # AVARoIHead tests one clip at a time
    )


def ava22(size):
    return boxes(
        size,
        'mmlt.AVADataset',
        'data/ava',
        train=dict(person_det_score_thr=0.8, keep_one_person=False),
        test=dict(person_det_score_thr=0.8, keep_one_person=False),
    )


def ava_kinetics(size):
    """AVA and KineticsBox, joined by mmaction2's tools and judged together and apart."""
    return boxes(
        size,
        'mmlt.AVAKineticsDataset',
        'data/ava_kinetics',
        train=dict(persons='ground_truth'),
        test=dict(person_det_score_thr=0.2, keep_one_person=False),
        ann_format='ava_kinetics',
        subsets=dict(
            ava='data/ava/annotations/ava_val_v2.2.csv',
            kinetics_box='data/ava_kinetics/kinetics_val.csv',
        ),
    )


# ------------------------------------------------------------------------------------ clips


def clip_pipeline(size, is_training, flipped):
    return [
        dict(type='DecordInit'),
        dict(
            type='SampleFrames',
            clip_len=clip_len,
            frame_interval=frame_interval,
            num_clips=1,
            test_mode=not is_training,  # the middle of the video
        ),
        dict(type='DecordDecode'),
        *resized(size, is_training, flipped),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]


def clips(size, root, name, folders, flipped=True):
    """`folders`: of the training and of the validation videos."""

    def dataset(split, folder):
        return dict(
            type='VideoDataset',
            ann_file=f'{root}/{name}_{split}_list_videos.txt',
            data_prefix=dict(video=f'{root}/{folder}'),
            pipeline=clip_pipeline(size, split == 'train', flipped),
            test_mode=split != 'train',
        )

    return dict(
        train=dataset('train', folders[0]),
        val=dataset('val', folders[1]),
        test=dataset('val', folders[1]),
        val_evaluator=dict(type='AccMetric'),
        test_evaluator=dict(type='AccMetric'),
        batch_size=batch_size,
        test_batch_size=8,
    )


def kinetics(size, number):
    name = f'kinetics{number}'
    return clips(size, f'data/{name}', name, ('videos_train', 'videos_val'))


def mit(size):
    return clips(size, 'data/mit', 'mit', ('videos/training', 'videos/validation'))


def sthv2(size):
    return clips(size, 'data/sthv2', 'sthv2', ('videos', 'videos'), flipped=False)


def recipes_at(size):
    return dict(
        ava22=ava22(size),
        ava_kinetics=ava_kinetics(size),
        k400=kinetics(size, 400),
        k600=kinetics(size, 600),
        k700=kinetics(size, 700),
        mit=mit(size),
        sthv2=sthv2(size),
    )


def recipes_of_table_8(size):
    return dict(ava22=ava22(size), k400=kinetics(size, 400), mit=mit(size))


recipes = dict(
    at_224=recipes_at(224),
    at_352=recipes_of_table_8(352),
    at_416=recipes_of_table_8(416),
    at_512=recipes_at(512),
)

# what all sets share: one group of training workers, whatever the number of sets
train_dataloader = dict(num_workers=8, persistent_workers=True)
val_dataloader = dict(num_workers=4)
test_dataloader = dict(num_workers=4)
val_evaluator = test_evaluator = dict()  # each set's stand with it; --dump puts its own here
